import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '@outlast/contract'
import { type Currency, currencies, fromUnits } from '../currencies.ts'
import type { BudgetEvidence, Evidence, SessionEvidence } from '../evidence.ts'
import { audit, checks, scheduleChecks, sharedBudgetCheck, tooLittle } from './auditor.ts'
import { delta, evidenceOf, forge, inputId, legalBudget, legalEffects, legalLog } from './forged.ts'

/** Returns the legal log with other events in place of those of a type. */
const replacing = (type: string, replace: (event: Event) => Event[]) =>
  legalLog().flatMap((event) => (event.type === type ? replace(event) : [event]))
const without = (type: string) => replacing(type, () => [])
const twice = (type: string) => replacing(type, (event) => [event, event])
const changed = (change: (session: SessionEvidence) => void) => evidenceOf(legalLog(), change)
const withEffects = (change: (effects: ReturnType<typeof legalEffects>) => unknown) => {
  const effects = legalEffects()
  change(effects)
  return evidenceOf(legalLog(), () => {}, effects)
}

const later = (status: number, onBusy?: 'queue') => ({
  marker: 's1m2a',
  onBusy,
  status,
  id: `message_${'9'.repeat(32)}`,
  sequence: 23,
})
const message = (text: string) =>
  forge(
    'input.message',
    {
      message: {
        id: later(201).id,
        role: 'user',
        content: [{ type: 'text', text }],
        created_at: '',
      },
    },
    {},
  )

/** Budgets that were exceeded, that keep a reservation, or whose ledgers differ from the log. */
function wrongBudgets(currency: Currency): BudgetEvidence[] {
  const budget = legalBudget(currency)
  const { limit, granted, used, ledger } = budget
  const [first, ...others] = ledger
  const one = fromUnits(currency, 1)
  return [
    { ...budget, least: -1 },
    { ...budget, reserved: 1 },
    { ...budget, used: used - 1 },
    { ...budget, used: used + 1 },
    { ...budget, granted: granted - 1, limit: limit - 1 },
    { ...budget, ledger: ledger.toReversed() },
    { ...budget, granted: granted + 1 },
    { ...budget, ledger: others, used: used / 2 },
    { ...budget, ledger: [...ledger, { ...first!, kind: 'reserve', amount: 0 }] },
    { ...budget, ledger: [{ ...first!, reserved: first!.reserved! - one }, ...others] },
    { ...budget, ledger: [{ ...first!, ref_id: 'exec_none' }, ...others] },
    { ...budget, ledger: [{ ...first!, amount: first!.amount - one }, ...others], used: used - 1 },
  ]
}

const withBudget = (budget: BudgetEvidence) =>
  changed((session) => {
    session.budgets = [budget]
  })

/** For each promise, evidence in which it is broken. */
const broken: Record<string, Evidence[]> = {
  'sequences without gap or repeat': [
    changed(({ logs }) => logs[0]!.events.splice(4, 1)),
    changed(({ logs }) => logs[0]!.events.splice(4, 0, logs[0]!.events[4]!)),
    changed((session) => Object.assign(session, { logs: [] })),
  ],
  'no gap at any time': [
    changed(({ glimpses }) => Object.assign(glimpses[0]!, { sequences: [1, 3], known: 2 })),
    changed(({ glimpses }) => Object.assign(glimpses[0]!, { sequences: [1, 2], known: 3 })),
  ],
  'every node tells the same log': [changed(({ logs }) => logs[1]!.events.pop())],
  'no event ever changed': [
    changed(({ copies }) => copies.get(5)!.set('{"sequence":5}', 'SSE at node 1')),
    changed(({ copies }) => copies.set(99, new Map([['{"sequence":99}', 'SSE at node 1']]))),
  ],
  'accepted messages are in the log, once': [
    changed(({ posted }) => posted.push(later(201))),
    changed(({ posted }) => Object.assign(posted[0]!, { status: 409 })),
    evidenceOf([...legalLog(), message('never posted')]),
  ],
  'messages stay as they were sent': [changed(({ posted }) => (posted[0]!.sequence = 3))],
  'every message answered or ended with a reason': [
    evidenceOf([...legalLog(), message('s1m2a more')], ({ posted }) => posted.push(later(201))),
    evidenceOf(without('llm.generation')),
  ],
  'no message answered twice': [evidenceOf(twice('llm.generation'))],
  'a queued or interrupting message has a turn of its own': [
    evidenceOf(
      replacing('llm.generation', (event) => [
        forge('llm.generation', {
          ...(event as Event<'llm.generation'>).data,
          messages: [{ ...(message('s1m2a more') as Event<'input.message'>).data.message }],
        }),
      ]),
      ({ posted }) => posted.push(later(201, 'queue')),
    ),
  ],
  'every turn has one end': [
    evidenceOf(without('turn.completed')),
    evidenceOf(twice('turn.completed')),
    evidenceOf(twice('turn.started')),
    evidenceOf(without('turn.started')),
  ],
  'every cancel is in the log': [
    changed((session) => Object.assign(session, { cancelled: 1 })),
    evidenceOf(
      replacing('turn.completed', () => [
        forge('turn.cancelled', { turn_id: `turn_${'1'.padStart(32, '0')}` }),
      ]),
    ),
  ],
  'a recorded reply is not asked for again': [
    evidenceOf(
      replacing('turn.completed', (end) => [
        legalLog().findLast(({ type }) => type === 'output.message.started')!,
        end,
      ]),
    ),
    evidenceOf(twice('output.message.completed')),
  ],
  'every tool call has one outcome': [
    evidenceOf(twice('tool.completed')),
    evidenceOf(without('tool.completed')),
    evidenceOf(without('tool.started')),
    evidenceOf(twice('tool.started')),
  ],
  'no text that the model did not write': [
    changed((session) => Object.assign(session, { texts: new Set(['something else']) })),
  ],
  'effects follow an intent': [
    withEffects((effects) => Object.assign(effects[0]!, { call: 'call_none' })),
    withEffects((effects) => Object.assign(effects[0]!, { turn: 'turn_none' })),
    withEffects((effects) => Object.assign(effects[0]!, { session: 'session_none' })),
  ],
  'unsafe effects at most once': [
    withEffects((effects) => effects.push({ ...effects[1]!, id: 'effect-again' })),
  ],
  'a success has its effect': [
    withEffects((effects) => effects.pop()),
    withEffects((effects) => effects.shift()),
    withEffects((effects) => Object.assign(effects[0]!, { id: 'effect-other' })),
  ],
  'one idempotency key a call': [
    withEffects((effects) => effects.push({ ...effects[0]!, id: 'b', key: 'other' })),
    withEffects((effects) => Object.assign(effects[1]!, { key: effects[0]!.key })),
  ],
  'followers saw the log': [
    changed(({ followed }) => followed[0]!.seen.splice(3, 1)),
    changed(({ followed }) => followed[0]!.seen.splice(3, 0, followed[0]!.seen[3]!)),
    changed(({ followed }) => followed[0]!.seen.pop()),
    changed(({ followed }) => followed[0]!.seen.push(followed[0]!.seen.at(-1)!)),
    changed(({ followed }) => followed[0]!.seen.reverse()),
  ],
  'streamed text is the final text': [
    changed(({ followed: [one] }) => {
      const at = one!.seen.findIndex(({ json }) => json === delta('all '))
      one!.seen.splice(at, 1)
    }),
    changed(({ followed: [one] }) => {
      const at = one!.seen.findIndex(({ json }) => json === delta('all '))
      one!.seen.splice(at, 0, one!.seen[at]!)
    }),
  ],
  'idle only after everything is readable': [
    changed(({ idles }) => idles.push({ node: 'n', lastType: 'tool.completed', lastSequence: 9 })),
  ],
  'no session without owner for 10 s': [
    changed((session) => Object.assign(session, { stalledMs: 10_001 })),
  ],
  'idle at the end': [
    changed((session) => Object.assign(session, { statusAtEnd: 'active' })),
    evidenceOf(without('session.idled')),
  ],
  'every webhook is delivered with a stable id': [
    changed(({ hooked }) => hooked.pop()),
    changed(({ hooked }) => Object.assign(hooked[0]!, { accepted: false })),
    changed(({ hooked }) => Object.assign(hooked[0]!, { header: 'another' })),
    changed(({ hooked }) => hooked.push({ ...hooked[0]!, header: 'event_x', id: 'event_x' })),
  ],
  'a budget has the calls of the log, and reserves nothing at the end': [
    ...currencies.flatMap((currency) => wrongBudgets(currency).map(withBudget)),
    evidenceOf(twice('output.message.started')),
  ],
  'a call costs its tokens at list prices': [
    ...[0.000_059, undefined].map((cost_usd) =>
      changed(({ logs }) => {
        const call = logs[0]!.events.find(({ type }) => type === 'llm.generation')
        Object.assign((call as Event<'llm.generation'>).data.metadata.usage!, { cost_usd })
      }),
    ),
  ],
}

test('a legal log has no violation', () => {
  assert.deepEqual(audit(evidenceOf(legalLog())), [])
})

test('there is a broken log for every promise', () => {
  assert.deepEqual(Object.keys(broken), Object.keys(checks))
})

for (const [check, logs] of Object.entries(broken)) {
  test(`the auditor detects a broken promise: ${check}`, () => {
    for (const [index, evidence] of logs.entries()) {
      const found = audit(evidence).map((violation) => violation.check)
      assert.ok(found.includes(check), `log ${index + 1} of ${check}; found: ${found}`)
    }
  })
}

test('a fault of a node without an injected cause is a violation', () => {
  const evidence = evidenceOf(legalLog())
  evidence.mishaps.push({ what: 'node 1 ended by itself', times: 2 })
  const violation = { check: 'nodes behave', session: undefined }
  assert.deepEqual(audit(evidence), [{ ...violation, what: 'node 1 ended by itself (2 times)' }])
})

test('a cancelled turn ends the messages that came into it, and no others', () => {
  const cancelled = legalLog()
    .filter(({ type }) => !['llm.generation', 'turn.completed'].includes(type))
    .slice(0, 6)
  const end = forge('turn.cancelled', { turn_id: `turn_${'1'.padStart(32, '0')}` })
  const late = message('s1m2a more')
  const unanswered = (log: Event[]) =>
    audit(evidenceOf(log))
      .filter(({ check }) => check === 'every message answered or ended with a reason')
      .map(({ what }) => what)
  assert.deepEqual(unanswered([...cancelled, late, end]), [])
  const [what] = unanswered([...cancelled, end, late])
  assert.match(what!, new RegExp(later(201).id))
  assert.doesNotMatch(what!, new RegExp(inputId))
})

test('a call may lack its start in a cancelled turn, and in no other', () => {
  const uneven = (end: Event, status: 'cancelled' | 'success', times = 1) =>
    audit(
      evidenceOf(
        legalLog().flatMap((event): Event[] => {
          if (event.type === 'tool.started') return []
          if (event.type === 'turn.completed') return [end]
          if (event.type !== 'tool.completed') return [event]
          return Array(times).fill({ ...event, data: { ...event.data, status } })
        }),
      ),
    ).filter(({ check }) => check === 'every tool call has one outcome').length
  const cancel = forge('turn.cancelled', { turn_id: `turn_${'1'.padStart(32, '0')}` })
  const completed = legalLog().find(({ type }) => type === 'turn.completed')!
  assert.equal(uneven(cancel, 'cancelled'), 0)
  assert.equal(uneven(cancel, 'cancelled', 2), 2)
  assert.equal(uneven(cancel, 'success'), 2)
  assert.equal(uneven(completed, 'cancelled'), 2)
})

test('text that only a dead node had sent may be missing from a cancelled turn, and from no other', () => {
  const told = (end: Event, faults: Evidence['faults']) => {
    const log = replacing('turn.completed', () => [end])
    const evidence = evidenceOf(log, ({ followed: [one] }) => {
      const at = one!.seen.findIndex(({ json }) => json === delta('done'))
      one!.seen.splice(at + 1, 0, { ...one!.seen[at]!, json: delta(' and more') })
    })
    return audit({ ...evidence, faults })
      .map(({ check }) => check)
      .filter((check) => check === 'streamed text is the final text').length
  }
  const at = Date.parse('2026-01-01T00:00:00.000Z')
  const kill = { kind: 'kill' as const, node: 0, at, endedAt: at }
  const cancel = forge('turn.cancelled', { turn_id: `turn_${'1'.padStart(32, '0')}` })
  const completed = legalLog().find(({ type }) => type === 'turn.completed')!
  assert.equal(told(cancel, [kill]), 0)
  assert.equal(told(cancel, []), 1)
  assert.equal(told(cancel, [{ ...kill, at: at + 1, endedAt: at + 1 }]), 1)
  assert.equal(told(completed, [kill]), 1)
})

test('a run without enough events is not valid', () => {
  assert.deepEqual(tooLittle({ kills: 2, cancels: 0 }, { kills: 2, cancels: 1, resumes: 1 }), [
    'only 0 cancels, at least 1 are needed',
    'only 0 resumes, at least 1 are needed',
  ])
})

test('reports a shared budget that is exceeded, keeps a reservation or differs from its calls', () => {
  for (const [at, currency] of currencies.entries()) {
    for (const budget of wrongBudgets(currency)) {
      const evidence = evidenceOf(legalLog())
      evidence.sharedBudgets[at] = budget
      const found = audit(evidence).map(({ check }) => check)
      assert.deepEqual([...new Set(found)], [sharedBudgetCheck], JSON.stringify(budget))
    }
  }
  const evidence = evidenceOf(legalLog(), ({ budgets }) => budgets.pop())
  assert.match(audit(evidence)[0]!.what, /were charged, 0 usd to the sessions$/)
})

const tick = (second: number, status = 'completed') => ({
  id: `execution ${second}`,
  scheduled_at: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString(),
  status,
})

test('reports a scheduled time that is missing, doubled or without its one message', () => {
  const told = (ticks: ReturnType<typeof tick>[], messages = ticks.map(({ id }) => id)) => {
    const schedule = { id: 'x', sessionId: 'y', messages, executions: ticks as never }
    const schedules = [schedule]
    return audit({ ...evidenceOf(legalLog()), schedules }).map(({ check }) => check)
  }
  const [times, messages] = Object.keys(scheduleChecks)
  assert.deepEqual(told([tick(1), tick(2), tick(3, 'failed')]), [])
  assert.deepEqual(told([tick(1), tick(3)]), [times])
  assert.deepEqual(told([tick(1), { ...tick(1), id: 'another' }]), [times])
  assert.deepEqual(told([tick(1), tick(2, 'running')]), [times])
  assert.deepEqual(told([tick(1), tick(2)], ['execution 1']), [messages])
  assert.deepEqual(told([tick(1)], ['execution 1', 'execution 1']), [messages])
  assert.deepEqual(told([tick(1)], ['execution 1', 'execution 2']), [messages])
  const skipped = (error: string) => ({ ...tick(2, 'skipped'), error })
  const limited = skipped('The limit of 100 concurrent executions was reached.')
  assert.deepEqual(told([tick(1), limited], ['execution 1']), [])
  assert.deepEqual(told([tick(1), limited]), [messages])
  assert.deepEqual(told([tick(1), skipped('It was missed.')], ['execution 1']), [messages])
})
