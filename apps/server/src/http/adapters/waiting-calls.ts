import type { Event } from '@outlast/contract'
import type { InnerCalls } from './inner-calls.ts'
import type { LogReader } from './read-log.ts'
import { listEvents } from './session-events.ts'

type Wait = 'tool_results' | 'input' | 'approval'

/** Calls that wait for the client or a person, with the kind of their wait. */
export type WaitingCalls = ReadonlyMap<string, Wait>

export type Waits = {
  waiting: WaitingCalls
  /** Names of the tools of calls that the client was asked to run. */
  tools: ReadonlyMap<string, string>
  /** Positions of the answers to calls that no longer wait. */
  answered: ReadonlyMap<string, number>
  /** The turn that waits for a budget. */
  unpaidTurn: string | undefined
  /** `sequence` of the latest event about a wait. */
  last: number
}

/** Events that end the wait of a call. */
export const answerTypes = [
  'tool.approval_resolved',
  'tool.input_resolved',
  'tool.completed',
] as const

const waitTypes = [
  'tool.approval_requested',
  'tool.call_requested',
  ...answerTypes,
  'budget.exhausted',
  'budget.paused',
  'budget.resumed',
] as const

/** Reads the waits after an event from the log: the session shows them a moment later. */
export async function waitsAfter(
  read: LogReader,
  { sessionId, after }: { sessionId: string; after: number },
): Promise<Waits> {
  const waiting = new Map<string, Wait>()
  const tools = new Map<string, string>()
  const answered = new Map<string, number>()
  let unpaidTurn: string | undefined
  let last = after
  await read(sessionId, { after, types: waitTypes }, (event) => {
    follow(waiting, event)
    if (event.type === 'tool.call_requested') {
      for (const { id, name } of event.data.tool_calls) tools.set(id, name)
    } else if ('tool_call_id' in event.data && event.sequence !== undefined) {
      answered.set(String(event.data.tool_call_id), event.sequence)
    }
    if (event.type === 'budget.resumed') unpaidTurn = undefined
    else if (event.type.startsWith('budget.')) unpaidTurn = event.context.turn_id
    last = event.sequence ?? last
    return false
  })
  return { waiting, tools, answered, unpaidTurn, last }
}

function follow(waiting: Map<string, Wait>, { type, data }: Event): void {
  if (type === 'tool.approval_requested') waiting.set(data.tool_call.id, 'approval')
  else if (type === 'tool.call_requested') {
    for (const { id } of data.tool_calls) waiting.set(id, data.input ? 'input' : 'tool_results')
  } else if ('tool_call_id' in data) waiting.delete(String(data.tool_call_id))
}

/** Reads the waits of the latest turn. */
export async function waitsNow(
  calls: InnerCalls,
  read: LogReader,
  sessionId: string,
): Promise<Waits> {
  const query = { types: 'session.activated', order_desc: true, limit: 1 }
  const [begun] = await listEvents(calls, sessionId, query)
  return waitsAfter(read, { sessionId, after: begun?.sequence ?? 0 })
}
