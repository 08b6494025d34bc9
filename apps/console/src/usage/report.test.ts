import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { UsageReport } from '@outlast/sdk'
import { csvOf } from './csv.ts'
import { causeOf, changeText, periodsOf, usageRowsOf } from './report.ts'

const sums = (cost_usd: number | null, input_tokens = 10) => ({
  model_calls: 1,
  input_tokens,
  output_tokens: 5,
  cache_read_tokens: 0,
  cache_creation_tokens: 0,
  cost_usd,
})

type Group = UsageReport['group_by'][number]

function report(group: Group, rows: object[], more: Partial<UsageReport> = {}): UsageReport {
  const data = rows as UsageReport['data']
  const page = { total: data.length, offset: 0, limit: 1_000 }
  const period = { from: '2026-11-24', to: '2026-11-25' }
  return { ...period, group_by: [group], data, sum: sums(1), ...page, ...more }
}

const now = Date.parse('2026-11-25T23:59:00Z')

test('a period ends today in UTC and is compared with as many days before', () => {
  assert.deepEqual(periodsOf({ days: 7 }, now), {
    length: 7,
    now: { from: '2026-11-19', to: '2026-11-25' },
    before: { from: '2026-11-12', to: '2026-11-18' },
  })
  assert.equal(periodsOf({ days: 365 }, now).before, undefined, 'its sums are not stored')
  const day = { from: '2026-03-01', to: '2026-03-01' }
  const before = { from: '2026-02-28', to: '2026-02-28' }
  assert.deepEqual(periodsOf({ day: '2026-03-01' }, now), { length: 1, now: day, before })
})

test('groups are compared by id, and those that were used only before come last', () => {
  const rows = usageRowsOf(
    report('model', [
      { model: 'a', ...sums(3) },
      { model: null, ...sums(1) },
    ]),
    report('model', [
      { model: 'gone', ...sums(2) },
      { model: 'a', ...sums(2) },
    ]),
  )
  assert.deepEqual(
    rows.map((row) => [row.id, row.now.cost_usd, row.before?.cost_usd]),
    [
      ['a', 3, 2],
      ['', 1, 0],
      ['gone', 0, 2],
    ],
  )
})

test('days are compared by position and shown newest first', () => {
  const rows = usageRowsOf(
    report('day', [
      { day: '2026-11-24', ...sums(3) },
      { day: '2026-11-25', ...sums(4) },
    ]),
    report('day', [{ day: '2026-11-22', ...sums(1) }], { from: '2026-11-22', to: '2026-11-23' }),
  )
  assert.deepEqual(
    rows.map((row) => [row.id, row.before?.cost_usd]),
    [
      ['2026-11-25', 0],
      ['2026-11-24', 1],
    ],
  )
})

test('a group beyond the rows that were read is not taken for new or gone', () => {
  const one = report('model', [{ model: 'a', ...sums(3) }])
  const cut = report('model', [{ model: 'b', ...sums(3) }], { total: 2 })
  assert.deepEqual(usageRowsOf(one, cut)[0]!.before, undefined)
  assert.deepEqual(
    usageRowsOf(cut, one).map(({ id }) => id),
    ['b'],
  )
})

for (const [after, before, text] of [
  [112, 100, '+12 %'],
  [92, 100, '−8 %'],
  [100, 100, '±0 %'],
  [1, 0, 'new'],
  [0, 0, '–'],
  [0, 5, '−100 %'],
  [null, 5, '–'],
  [5, undefined, '–'],
] as const) {
  test(`a change from ${before} to ${after} is ${text}`, () => {
    assert.equal(changeText(after, before), text)
  })
}

test('a row leads to sessions, or to the agents of a day, a model or a key', () => {
  const search = { day: '2026-11-25', user: 'ada' }
  const span = { since: '2026-11-25', until: '2026-11-25', sort: 'cost' }
  assert.deepEqual(causeOf(search, 'agent', 'agent_1'), {
    sessions: { agent: 'agent_1', user: 'ada', ...span },
  })
  assert.deepEqual(causeOf(search, 'model', 'm'), { usage: { ...search, by: 'agent', model: 'm' } })
  assert.deepEqual(causeOf({ days: 7 }, 'day', '2026-11-20'), {
    usage: { days: 7, by: 'agent', day: '2026-11-20' },
  })
  assert.equal(causeOf(search, 'key', ''), undefined)
})

/** Ids of end users that begin like a formula, also after a separator of another country. */
const hostile = [
  '+1',
  '-1',
  '@a',
  '\t=1',
  '\r=1',
  ' =1',
  '＝1',
  'a;=1',
  'a\n=1',
  'a;"=1',
  '\u200B=1',
  'a"b',
]

test('CSV quotes texts, runs no formula and leaves unknown numbers empty', () => {
  const rows = [
    { id: '=HYPERLINK("http://evil")', now: sums(null), before: undefined },
    { id: 'a,\nb', now: sums(0.5), before: sums(0.25) },
    ...hostile.map((id) => ({ id, now: sums(0), before: undefined })),
  ]
  const [head, first, ...rest] = csvOf('user', rows, (id) => id).split('\r\n')
  assert.match(
    head!,
    /^user,name,model_calls,.*,cost_usd,previous_model_calls,.*previous_cost_usd$/,
  )
  const formula = `"'=HYPERLINK(""http://evil"")"`
  assert.equal(first, `${formula},${formula},1,10,5,0,0,,,,,,,`)
  assert.equal(rest[0], '"a,\nb","a,\nb",1,10,5,0,0,0.5,1,10,5,0,0,0.25')
  const cells = [
    "'+1",
    "'-1",
    "'@a",
    `'\t'=1`,
    `"'\r'=1"`,
    "' =1",
    "'＝1",
    "a;'=1",
    `"a\n'=1"`,
    `"a;'""=1"`,
    "'\u200B=1",
  ]
  assert.deepEqual(
    rest.slice(1, -1).map((line) => line.slice(0, line.indexOf(',1,10,') / 2)),
    [...cells, '"a""b"'],
  )
  assert.equal(rest.at(-1), '')
})
