import type { Event, EventContext, EventDataOf, EventType, LedgerEntry } from '@outlast/contract'
import { type Currency, currencies, fromUnits, pricedModel, unitsOf } from '../currencies.ts'
import {
  addCopy,
  type BudgetEvidence,
  type Evidence,
  newSession,
  type SessionEvidence,
} from '../evidence.ts'
import type { Effect } from '../ledger.ts'
import { isHooked } from '../load/webhooks.ts'

const id = (noun: string, number: number) => `${noun}_${String(number).padStart(32, '0')}`

export const sessionId = id('session', 1)
const turnId = id('turn', 1)
export const inputId = id('message', 1)
const replyIds = [id('message', 2), id('message', 3)] as const
const ts = '2026-01-01T00:00:00.000Z'

/** Creates a forged event; `sequence` is set by its place in the log. */
export function forge<T extends EventType>(
  type: T,
  data: EventDataOf<T>,
  context: EventContext = { turn_id: turnId, input_message_id: inputId },
): Event {
  return { id: '', type, ts, session_id: sessionId, context, data } as unknown as Event
}

const agentMessage = (messageId: string, content: object[]) => ({
  message: { id: messageId, role: 'agent' as const, content: content as never, created_at: ts },
})
const userMessage = (messageId: string, text: string) => ({
  message: {
    id: messageId,
    role: 'user' as const,
    content: [{ type: 'text' as const, text }],
    created_at: ts,
  },
})

const turn = { turn_id: turnId }
const about = { ...turn, input_message_id: inputId }
const call = (name: string) => ({ id: `call_${name}`, name: `${name}_effect`, arguments: {} })
const effectOf = (name: string) => `effect-${name}`

const tokens = { input_tokens: 10, output_tokens: 5 }
const model = pricedModel.name
const usage = { ...tokens, cost_usd: fromUnits('usd', unitsOf.usd(tokens, model)) }

function generation(messages: ReturnType<typeof userMessage>['message'][]) {
  return { messages, output: {}, metadata: { model, success: true, usage } }
}

const outcome = (name: string): EventDataOf<'tool.completed'> => ({
  tool_call_id: `call_${name}`,
  tool_name: `${name}_effect`,
  success: true,
  status: 'success',
  result: [{ type: 'text', text: JSON.stringify({ effect: effectOf(name) }) }],
})

const execIds = [id('exec', 1), id('exec', 2)] as const
const inCall = (at: 0 | 1): EventContext => ({ ...about, exec_id: execIds[at] })

/** Returns a budget with a top-up and the calls of the legal log. */
export function legalBudget(currency: Currency): BudgetEvidence {
  const units = unitsOf[currency](usage, model)
  const entry = (kind: 'settle' | 'top_up', amount: number, ref_id: string | null) =>
    ({
      kind,
      amount: fromUnits(currency, amount),
      reserved: fromUnits(currency, amount),
      ref_id,
    }) as LedgerEntry
  return {
    id: id('bdgt', 1),
    currency,
    limit: units,
    granted: 2 * units,
    topUps: 1,
    least: 0,
    used: 2 * units,
    reserved: 0,
    ledger: [
      ...execIds.map((execId) => entry('settle', units, execId)),
      entry('top_up', -units, null),
    ],
  }
}

const asks = [call('safe'), call('unsafe')]
const step = { success: true, has_tool_calls: false, tool_call_count: 0 }

/** Returns a correct log of a turn with two tools. */
export function legalLog(): Event[] {
  const [first, second] = replyIds
  const parts = asks.map((one) => ({ type: 'tool_call', ...one }))
  return [
    forge('session.started', { agent_id: id('agent', 1) }, {}),
    forge('input.message', userMessage(inputId, 's1m1a hello'), {}),
    forge('session.activated', about),
    forge('turn.started', about),
    forge('reason.started', { agent_id: id('agent', 1) }),
    forge('output.message.started', { ...turn, message_id: first }, inCall(0)),
    forge('llm.generation', generation([userMessage(inputId, 's1m1a hello').message]), inCall(0)),
    forge('output.message.completed', agentMessage(first, parts)),
    forge('reason.completed', { ...step, has_tool_calls: true, tool_call_count: 2 }),
    forge('act.started', { tool_calls: asks }),
    ...asks.map((tool_call) => forge('tool.started', { tool_call })),
    forge('tool.completed', outcome('safe')),
    forge('tool.completed', outcome('unsafe')),
    forge('act.completed', { completed: true, success_count: 2, error_count: 0 }),
    forge('reason.started', { agent_id: id('agent', 1) }),
    forge('output.message.started', { ...turn, message_id: second }, inCall(1)),
    forge('llm.generation', generation([]), inCall(1)),
    forge('output.message.completed', agentMessage(second, [{ type: 'text', text: 'all done' }])),
    forge('reason.completed', step),
    forge('turn.completed', { ...turn, iterations: 2 }),
    forge('session.idled', turn),
  ]
}

export function legalEffects(): Effect[] {
  const base = { session: sessionId, turn: turnId, pid: 1, at: 0 }
  const effect = (replay: 'safe' | 'unsafe'): Effect => ({
    ...base,
    replay,
    id: effectOf(replay),
    key: `key-${replay}`,
    tool: `${replay}_effect`,
    call: `call_${replay}`,
  })
  return [effect('safe'), effect('unsafe')]
}

export const delta = (text: string) =>
  JSON.stringify(forge('output.message.delta', { ...turn, delta: text }))

/** Numbers the events as two nodes, a page and a follower report them; `change` forges a part. */
export function evidenceOf(
  log: Event[],
  change: (session: SessionEvidence) => void = () => {},
  effects = legalEffects(),
): Evidence {
  const events = log.map(
    (event, index) => ({ ...event, id: id('event', index + 1), sequence: index + 1 }) as Event,
  )
  const session = newSession(sessionId, true)
  for (const event of events) {
    const { sequence = 0, type } = event
    addCopy(session, { sequence, type, json: JSON.stringify(event), where: 'GET' })
  }
  const seen = events.flatMap((event) => {
    const stored = { id: '', json: JSON.stringify(event), connection: 1 }
    const isLast = event.type === 'output.message.started' && event.data.message_id === replyIds[1]
    const deltas = isLast
      ? ['all ', 'done'].map((text) => ({ id: '', json: delta(text), connection: 1 }))
      : []
    return [stored, ...deltas]
  })
  const posted = { marker: 's1m1a', onBusy: undefined, status: 201, id: inputId, sequence: 2 }
  Object.assign(session, {
    logs: ['node 1', 'node 2'].map((node) => ({ node, events: structuredClone(events) })),
    statusAtEnd: 'idle',
    posted: [posted],
    followed: [{ name: 'follower a', seen, connections: 1, resumes: 0 }],
    budgets: currencies.map(legalBudget),
    hooked: events
      .filter(isHooked)
      .map(({ id, type }) => ({ header: id, id, type, session: sessionId, accepted: true })),
    glimpses: [
      { node: 'node 1', after: 0, known: 2, sequences: events.map(({ sequence }) => sequence!) },
    ],
    idles: [{ node: 'node 1', lastType: 'session.idled', lastSequence: events.length }],
    texts: new Set(['all done']),
  })
  change(session)
  const sharedBudgets = currencies.map(legalBudget)
  return { sessions: [session], sharedBudgets, schedules: [], effects, mishaps: [], faults: [] }
}
