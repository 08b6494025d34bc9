import type {
  ContentPart,
  Decider,
  EventDataOf,
  EventMessage,
  Feedback,
  OutputError,
  QuestionSet,
  TokenUsage,
  ToolCall,
} from '@outlast/contract'

/** A message to the agent. */
export type UserMessage = {
  kind: 'user_message'
  key: string
  id: string
  /** Time of the event, RFC 3339. */
  at: string
  content: EventMessage['content']
  text: string
  /** Name of the person who wrote it, if the sender named one. */
  author: string | undefined
  /** True while the message waits for a turn of its own. */
  isQueued: boolean
  /** True until the server has stored the message. Only a session store has such items. */
  isPending?: true
}

/** A reply of the agent. Its text is empty if it only has tool calls: then hide it. */
export type AgentMessage = {
  kind: 'agent_message'
  key: string
  /** Undefined while it streams, if the added events begin in the middle of it. */
  id: string | undefined
  at: string
  turnId: string | undefined
  text: string
  thinking: string
  isStreaming: boolean
  /** Calls whose arguments the model is writing. Empty once the message is complete. */
  writing: readonly WritingCall[]
  /** Number of the model call for it. The text of earlier attempts is discarded. */
  attempt: number
  /** The provider's name of the model. Undefined while it streams. */
  model: string | undefined
  /** Tokens and cost of the model call, if the provider reported them. */
  usage: TokenUsage | undefined
  /** The value of the answer of a turn with an output schema. Undefined for other replies. */
  output?: unknown
  /** Violations of the output schema, which the next reply corrects. */
  outputErrors?: readonly OutputError[] | undefined
  /** Ratings in force of the reply, and of the turn if it is the last reply of it. */
  feedback: readonly Feedback[]
}

/** A call while the model writes it. `input` is the JSON of its arguments so far. */
export type WritingCall = { id: string; name: string; input: string }

export type ToolStatus = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled'

/** Approval of a call, and its decision. */
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
  /** Arguments of the run, which an approval may have replaced. */
  arguments: ToolCall['arguments']
  /** `waiting`: for an approval, for answers, or for the client that runs it. */
  status: ToolStatus
  /** True if a client runs the tool. */
  isForClient: boolean
  /** Time until which a client can answer. */
  expiresAt: string | undefined
  approval: ToolApproval | undefined
  /** Questions to a person that have no outcome yet. */
  questions: QuestionSet | undefined
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

/** Another event that a person should see. `data` is that of the event. */
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

/** A conversation as a person sees it. Only `addEvent` creates it. */
export type Transcript = {
  /**
   * The items in order, in sections. Unchanged items and sections stay the same objects, so that a
   * view can skip them by comparison.
   */
  sections: readonly (readonly TranscriptItem[])[]
  status: 'idle' | 'active'
  /** The running turn. */
  turnId: string | undefined
  /** Calls that wait for a client or an approval, in the order of the calls. */
  waitingFor: readonly ToolCallItem[]
  /** Tokens and cost of the session when it was last idle. */
  usage: TokenUsage | undefined
  /** `sequence` of the last stored event; 0 for none. */
  sequence: number
  /** Indexes of items that can still change. */
  open: ReadonlyMap<string, number>
}

const sectionLength = 128

export const itemsOf = ({ sections }: Pick<Transcript, 'sections'>): TranscriptItem[] =>
  // Much faster than `flat`.
  ([] as TranscriptItem[]).concat(...sections)

/** Returns the open item of a name, and its index. */
export function openItem({ sections, open }: Transcript, name: string) {
  const index = open.get(name)
  if (index === undefined) return undefined
  return { index, item: sections[Math.floor(index / sectionLength)]![index % sectionLength]! }
}

/** Finds the latest item that meets a condition. */
export function findItem({ sections }: Transcript, isWanted: (item: TranscriptItem) => boolean) {
  const at = sections.findLastIndex((section) => section.some(isWanted))
  if (at === -1) return undefined
  const within = sections[at]!.findLastIndex(isWanted)
  return { index: at * sectionLength + within, item: sections[at]![within]! }
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
