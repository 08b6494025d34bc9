import type {
  ContentPart,
  Decider,
  EventDataOf,
  EventMessage,
  TokenUsage,
  ToolCall,
} from '@outlast/contract'

/** What somebody said to the agent. */
export type UserMessage = {
  kind: 'user_message'
  key: string
  id: string
  /** RFC 3339. */
  at: string
  content: EventMessage['content']
  text: string
  /** It waits for a turn of its own. */
  isQueued: boolean
}

/** The agent's message. One with tool calls only has no text: show it if it has text. */
export type AgentMessage = {
  kind: 'agent_message'
  key: string
  /** Undefined while it streams, when the events that were added begin in the middle of it. */
  id: string | undefined
  at: string
  turnId: string | undefined
  text: string
  thinking: string
  isStreaming: boolean
  /** How often the model was asked for it. What an earlier attempt said is gone. */
  attempt: number
}

export type ToolStatus = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled'

/** Whether a call may run, and who said so. */
export type ToolApproval = {
  state: 'requested' | 'approved' | 'denied' | 'expired'
  expiresAt: string | undefined
  reason: string | undefined
  decidedBy: Decider | undefined
}

/** A tool that the agent called. */
export type ToolCallItem = {
  kind: 'tool_call'
  key: string
  id: string
  at: string
  turnId: string | undefined
  name: string
  /** Those that it runs with: somebody may have put them in place of the agent's. */
  arguments: ToolCall['arguments']
  /** `waiting`: for whoever is to decide on it, or for the client that is to run it. */
  status: ToolStatus
  /** A client runs it, not the server. */
  isForClient: boolean
  /** Until when a client may answer. */
  expiresAt: string | undefined
  approval: ToolApproval | undefined
  progress: { progress: number; total?: number; message?: string } | undefined
  result: readonly ContentPart[] | undefined
  error: string | undefined
  durationMs: number | undefined
}

export type NoticeType =
  | 'turn.failed'
  | 'turn.cancelled'
  | 'context.compacted'
  | 'mcp.unavailable'
  | 'capability.unavailable'

/** Something that happened besides. `data` is the event's. */
export type Notice = {
  [T in NoticeType]: {
    kind: 'notice'
    key: string
    at: string
    turnId: string | undefined
    type: T
    data: EventDataOf<T>
  }
}[NoticeType]

export type TranscriptItem = UserMessage | AgentMessage | ToolCallItem | Notice

/** A conversation as a person sees it. Made by `addEvent` only. */
export type Transcript = {
  /**
   * The items in order, in sections. What an event does not change stays the same object, sections
   * too, so that a view that compares draws only what is new.
   */
  sections: readonly (readonly TranscriptItem[])[]
  status: 'idle' | 'active'
  /** The turn that runs. */
  turnId: string | undefined
  /** The calls that wait for somebody, in the order in which they were made. */
  waitingFor: readonly ToolCallItem[]
  /** Tokens of the session, as of when it was idle last. */
  usage: TokenUsage | undefined
  /** The last stored event; 0 for none. */
  sequence: number
  /** Where items stand that may still change. */
  open: ReadonlyMap<string, number>
}

const sectionLength = 128

export const itemsOf = ({ sections }: Pick<Transcript, 'sections'>): TranscriptItem[] =>
  sections.flat()

/** The item that is kept open under a name, and where it stands. */
export function openItem({ sections, open }: Transcript, name: string) {
  const index = open.get(name)
  if (index === undefined) return undefined
  return { index, item: sections[Math.floor(index / sectionLength)]![index % sectionLength]! }
}

export function append(transcript: Transcript, item: TranscriptItem, name?: string): Transcript {
  const { sections, open } = transcript
  const last = sections.at(-1)
  const isFull = last === undefined || last.length === sectionLength
  const index = isFull
    ? sections.length * sectionLength
    : (sections.length - 1) * sectionLength + last.length
  const longer = isFull ? [...sections, [item]] : sections.with(-1, [...last, item])
  if (name === undefined) return { ...transcript, sections: longer }
  return { ...transcript, sections: longer, open: new Map(open).set(name, index) }
}

export function replace(transcript: Transcript, index: number, item: TranscriptItem): Transcript {
  const at = Math.floor(index / sectionLength)
  const section = transcript.sections[at]!.with(index % sectionLength, item)
  return { ...transcript, sections: transcript.sections.with(at, section) }
}

export function close(transcript: Transcript, name: string): Transcript {
  if (!transcript.open.has(name)) return transcript
  const open = new Map(transcript.open)
  open.delete(name)
  return { ...transcript, open }
}
