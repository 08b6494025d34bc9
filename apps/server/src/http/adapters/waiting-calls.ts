import type { Event, EventType } from '@outlast/contract'
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
  /** Positions of the ends of approvals. */
  approved: ReadonlyMap<string, number>
  /** Positions of the ends of other waits. */
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

type Building = {
  waiting: Map<string, Wait>
  tools: Map<string, string>
  approved: Map<string, number>
  answered: Map<string, number>
  unpaidTurn: string | undefined
}

type EventOf<T extends EventType> = Extract<Event, { type: T }>

const readAnswer = (
  { waiting, approved, answered }: Building,
  { data, sequence = 0 }: EventOf<(typeof answerTypes)[number]>,
) => {
  const { tool_call_id: id } = data
  const given = waiting.get(id) === 'approval' ? approved : answered
  if (waiting.delete(id)) given.set(id, sequence)
}

/** True for an event with which a turn begins to wait for a budget. */
export const isUnpaid = ({ type, data }: Event) =>
  type === 'budget.paused' || (type === 'budget.exhausted' && !data.is_final)

const readUnpaid = (waits: Building, event: EventOf<'budget.exhausted' | 'budget.paused'>) => {
  if (isUnpaid(event)) waits.unpaidTurn = event.context.turn_id
}

const readPaid = (waits: Building) => {
  waits.unpaidTurn = undefined
}

type Reader<T extends EventType> = (waits: Building, event: EventOf<T>) => void

const readers: { [T in EventType]: Reader<T> | 'ignored' } = {
  'input.message': 'ignored',
  'session.started': 'ignored',
  'session.activated': 'ignored',
  'turn.started': 'ignored',
  'mcp.unavailable': 'ignored',
  'capability.unavailable': 'ignored',
  'reason.started': 'ignored',
  'context.compacting': 'ignored',
  'context.compacted': 'ignored',
  'output.message.started': 'ignored',
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': 'ignored',
  'reason.thinking.completed': 'ignored',
  'output.message.delta': 'ignored',
  'tool.input.delta': 'ignored',
  'llm.generation': 'ignored',
  'output.message.completed': 'ignored',
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': ({ waiting }, { data }) => waiting.set(data.tool_call.id, 'approval'),
  'tool.approval_resolved': readAnswer,
  'tool.call_requested': ({ waiting, tools }, { data }) => {
    for (const { id, name } of data.tool_calls) {
      waiting.set(id, data.input ? 'input' : 'tool_results')
      tools.set(id, name)
    }
  },
  'tool.input_resolved': readAnswer,
  'tool.started': 'ignored',
  'tool.completed': readAnswer,
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'ignored',
  'budget.warning': 'ignored',
  'budget.exhausted': readUnpaid,
  'budget.paused': readUnpaid,
  'budget.resumed': readPaid,
  'turn.completed': readPaid,
  'turn.failed': readPaid,
  'turn.cancelled': readPaid,
  'session.idled': 'ignored',
  'feedback.given': 'ignored',
}

const types = (Object.keys(readers) as EventType[]).filter((type) => readers[type] !== 'ignored')

/** Reads the waits after an event from the log: the session shows them a moment later. */
export async function waitsAfter(
  read: LogReader,
  { sessionId, after }: { sessionId: string; after: number },
): Promise<Waits> {
  const waits: Building = {
    waiting: new Map(),
    tools: new Map(),
    approved: new Map(),
    answered: new Map(),
    unpaidTurn: undefined,
  }
  let last = after
  await read(sessionId, { after, types }, (event) => {
    const reader = readers[event.type] as Reader<EventType> | 'ignored' | undefined
    if (typeof reader === 'function') reader(waits, event)
    last = event.sequence ?? last
    return false
  })
  return { ...waits, last }
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
