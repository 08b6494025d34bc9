import type { Event, Resume } from '@outlast/sdk'
import type { Context } from '../core/command.ts'
import { historyChanged, reportConnection } from '../core/connection.ts'
import { createTranscriptPrinter } from './log.ts'
import { entriesOf, type LogEntry, logTypes } from './log-entry.ts'

type Entry = { event: Event; entry: LogEntry }
type Print = (entry: Entry) => Promise<void>

const entriesIn = (event: Event): Entry[] => entriesOf(event).map((entry) => ({ event, entry }))

/** Name of the session's agent, for the head of its messages. */
async function agentName({ outlast, signal }: Context, sessionId: string): Promise<string> {
  const { agent_id } = await outlast.sessions.get(sessionId, { signal })
  const agent = await outlast.agents.get(agent_id, { signal }).catch(() => undefined)
  return agent?.name ?? 'Agent'
}

/** Prints the stored entries, all or the last ones. Returns the last sequence. */
async function printStored(
  { outlast, signal }: Context,
  { sessionId, tail, print }: { sessionId: string; tail: number | undefined; print: Print },
): Promise<number> {
  let last = 0
  const kept: Entry[] = []
  for await (const event of outlast.events.list(sessionId, { types: logTypes }, { signal })) {
    last = event.sequence ?? last
    for (const entry of entriesIn(event)) {
      if (tail === undefined) await print(entry)
      else kept.push(entry)
    }
    if (tail !== undefined && kept.length > tail) kept.splice(0, kept.length - tail)
  }
  for (const entry of kept) await print(entry)
  return last
}

async function follow(
  { outlast, signal, out }: Context,
  { sessionId, after_sequence, print }: { sessionId: string; after_sequence: number; print: Print },
): Promise<void> {
  const onConnection = reportConnection({
    notify: (text) => out.note(text),
    change(isOpen) {
      if (!isOpen && out.mode === 'text') out.note('Connection lost, reconnecting.')
    },
  })
  const onHistoryChanged = (resume: Resume) => out.note(historyChanged(resume))
  const options = { types: logTypes, after_sequence, signal, onConnection, onHistoryChanged }
  for await (const event of outlast.events.stream(sessionId, options)) {
    for (const entry of entriesIn(event)) await print(entry)
  }
}

type Options = {
  sessionId: string
  tail: number | undefined
  isFollowing: boolean
  isVerbose: boolean
}

/** Prints the transcript of a session: stored entries and, if following, new ones until Ctrl-C. */
export async function printTranscript(
  context: Context,
  { sessionId, tail, isFollowing, isVerbose }: Options,
): Promise<void> {
  const { out } = context
  const agent = await agentName(context, sessionId)
  const printer = createTranscriptPrinter(context, { agent, isVerbose })
  const waiting = new Map<string, string>()
  let count = 0
  const print: Print = async ({ event, entry }) => {
    count += 1
    if (entry.kind === 'approval_requested')
      waiting.set(entry.id, approvalNote(entry.name, sessionId))
    if (entry.kind === 'questions_asked') waiting.set(entry.id, answerNote(entry.name, sessionId))
    if (entry.kind === 'approval_resolved' || entry.kind === 'questions_resolved') {
      waiting.delete(entry.id)
    }
    if (entry.kind === 'tool_result') waiting.delete(entry.tool_call_id)
    if (out.mode === 'json') return out.json(entry, true)
    if (out.mode === 'quiet') return out.line(event.id)
    for (const text of printer.linesOf(entry)) await out.painted(text)
  }
  const last = await printStored(context, { sessionId, tail, print })
  if (count === 0) out.note('No messages yet. `outlast messages send` sends one.')
  for (const note of waiting.values()) out.note(note)
  if (isFollowing) await follow(context, { sessionId, after_sequence: last, print })
}

const approvalNote = (call: string, sessionId: string) =>
  `${call} waits for approval: \`outlast sessions approve ${sessionId}\` or \`outlast sessions deny ${sessionId}\`.`

const answerNote = (call: string, sessionId: string) =>
  `${call} waits for answers: \`outlast sessions answer ${sessionId}\`.`
