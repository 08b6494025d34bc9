import type { Event, Resume } from '@outlast/sdk'
import { createTranscriptPrinter } from '../chat/log.ts'
import { entriesOf, type LogEntry, logTypes } from '../chat/log-entry.ts'
import { type Context, defineCommand } from '../core/command.ts'
import { historyChanged, reportConnection } from '../core/connection.ts'
import { countIfGiven } from '../output/list.ts'

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

export const log = defineCommand({
  summary: 'print the conversation of a session: messages, tools, approvals, errors',
  more: 'Times are UTC. On a terminal, answers are rendered as Markdown. --json prints one entry per line.',
  positionals: ['<session>'],
  flags: {
    follow: { type: 'boolean', short: 'f', about: 'print new entries until Ctrl-C' },
    tail: { type: 'string', short: 'n', value: 'N', about: 'only the last N entries' },
    verbose: {
      type: 'boolean',
      short: 'v',
      about: 'print arguments, results and thinking whole',
    },
  },
  async run(context, { words, flags }) {
    const { out } = context
    const sessionId = words[0]!
    const tail = countIfGiven(flags.tail, '--tail')
    const name = await agentName(context, sessionId)
    const printer = createTranscriptPrinter(context, { agent: name, isVerbose: flags.verbose })
    const waiting = new Map<string, string>()
    let count = 0
    const print: Print = async ({ event, entry }) => {
      count += 1
      if (entry.kind === 'approval_requested') waiting.set(entry.id, entry.name)
      if (entry.kind === 'approval_resolved') waiting.delete(entry.id)
      if (entry.kind === 'tool_result') waiting.delete(entry.tool_call_id)
      if (out.mode === 'json') return out.json(entry, true)
      if (out.mode === 'quiet') return out.line(event.id)
      for (const text of printer.linesOf(entry)) await out.painted(text)
    }
    const last = await printStored(context, { sessionId, tail, print })
    if (count === 0) out.note('No messages yet. `outlast messages send` sends one.')
    for (const call of waiting.values()) {
      out.note(
        `${call} waits for approval: \`outlast sessions approve ${sessionId}\` or \`outlast sessions deny ${sessionId}\`.`,
      )
    }
    if (flags.follow) await follow(context, { sessionId, after_sequence: last, print })
  },
})
