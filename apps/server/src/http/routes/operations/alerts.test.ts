import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { alertOf, createAlert } from '../../../../test/alerts.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { startServer } from '../../../../test/server.ts'
import { createAgent } from '../../../../test/session.ts'

const nobody = `alert_${'0'.repeat(32)}`

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  // An evaluation between two requests would change the alert.
  server = await startServer(t as TestContext, { alertIntervalMs: 3_600_000 })
})

const post = (body: object) => server.call('POST', '/v1/alerts', body)
const patch = (id: string, body: object) => server.call('PATCH', `/v1/alerts/${id}`, body)

test('an alert is created with the defaults of its metric', async () => {
  const { id, created_at, updated_at, ...rest } = await createAlert(server)
  assert.match(id, /^alert_[0-9a-f]{32}$/)
  assert.equal(created_at, updated_at)
  assert.deepEqual(rest, {
    name: 'Failures',
    metric: 'failed_turns',
    agent_id: null,
    threshold: 1,
    resolve_below: null,
    window_seconds: 3_600,
    min_turns: null,
    repeat_seconds: null,
    enabled: true,
    state: 'ok',
    fired_at: null,
    value: null,
    evaluated_at: null,
  })
  const share = await createAlert(server, { metric: 'failed_turn_share', threshold: 0.2 })
  assert.deepEqual([share.min_turns, share.window_seconds], [10, 3_600])
  const wait = await createAlert(server, { metric: 'waiting_seconds', threshold: 60 })
  assert.deepEqual([wait.min_turns, wait.window_seconds], [null, null])
})

test('a change keeps the other properties, and null clears the optional ones', async () => {
  const { id: agent_id } = await createAgent(server)
  const rule = { metric: 'cost_usd', agent_id, threshold: 50, resolve_below: 40 } as const
  const made = await createAlert(server, { ...rule, window_seconds: 86_400, repeat_seconds: 600 })
  const changed = await patch(made.id, { name: 'Spend', threshold: 60, repeat_seconds: null })
  assert.equal(changed.status, 200)
  const { updated_at, ...rest } = changed.body
  assert.ok(updated_at >= made.updated_at)
  const { updated_at: _, ...before } = made
  assert.deepEqual(rest, { ...before, name: 'Spend', threshold: 60, repeat_seconds: null })
  assert.equal((await patch(made.id, { resolve_below: null })).body.resolve_below, null)
  const fixed = await patch(made.id, { metric: 'failed_turns', agent_id: null })
  assert.deepEqual([fixed.body.metric, fixed.body.agent_id], ['cost_usd', agent_id])
})

const wrong: [string, object, string][] = [
  ['a metric that does not exist', { metric: 'happiness' }, 'metric'],
  ['a threshold of zero', { threshold: 0 }, 'threshold'],
  ['a part of a turn', { threshold: 1.5 }, 'threshold'],
  ['more turns than are counted', { threshold: 10_001 }, 'threshold'],
  ['a share above one', { metric: 'failed_turn_share', threshold: 2 }, 'threshold'],
  ['a higher value to resolve', { threshold: 1, resolve_below: 2 }, 'resolve_below'],
  ['a short window', { window_seconds: 59 }, 'window_seconds'],
  ['a window of more than 30 days', { window_seconds: 2_592_001 }, 'window_seconds'],
  ['a window of the queue', { metric: 'queue_seconds', window_seconds: 60 }, 'window_seconds'],
  ['a number of turns for failures', { min_turns: 5 }, 'min_turns'],
  ['a repetition each second', { repeat_seconds: 1 }, 'repeat_seconds'],
  ['an empty name', { name: '' }, 'name'],
  ['a name of two lines', { name: 'a\nb' }, 'name'],
  ['a name with NUL', { name: 'a\u0000b' }, 'name'],
  ['an agent that is no id', { agent_id: 'ada' }, 'agent_id'],
]

for (const [what, fields, path] of wrong) {
  test(`refuses ${what}`, async () => {
    const rule = { name: 'Failures', metric: 'failed_turns', threshold: 1, ...fields }
    const { status, body } = await post(rule)
    assert.equal(status, 400, JSON.stringify(body))
    assert.match(body.details[0].path, new RegExp(`^/?${path}$`))
  })
}

test('refuses an alert without a threshold', async () => {
  const { status, body } = await post({ name: 'Failures', metric: 'failed_turns' })
  assert.equal(status, 400)
  assert.match(body.error, /threshold/)
})

test('a change is checked together with what is stored', async () => {
  const { id } = await createAlert(server, { threshold: 10, resolve_below: 5 })
  const refused = await patch(id, { threshold: 4 })
  assert.deepEqual([refused.status, refused.body.code], [400, 'invalid_request'])
  assert.equal((await alertOf(server, id)).threshold, 10)
  assert.equal((await patch(id, { threshold: 4, resolve_below: 3 })).status, 200)
  assert.equal((await patch(id, { threshold: null })).status, 400)
})

test('an unknown alert and an unknown agent are missing', async () => {
  for (const [method, path] of [
    ['GET', ''],
    ['GET', '/firings'],
    ['PATCH', ''],
    ['DELETE', ''],
  ] as const) {
    const body = method === 'PATCH' ? { threshold: 2 } : undefined
    const { status } = await server.call(method, `/v1/alerts/${nobody}${path}`, body)
    assert.equal(status, 404, `${method} ${path}`)
  }
  assert.equal((await server.call('GET', '/v1/alerts/first')).body.code, 'invalid_id')
  const agent_id = `agent_${'0'.repeat(32)}`
  const rule = { name: 'Failures', metric: 'failed_turns', threshold: 1, agent_id }
  assert.equal((await post(rule)).status, 404)
})

test('lists alerts by state in pages, and deletes them', async (t) => {
  const own = await startServer(t)
  const ids: string[] = []
  for (let count = 0; count < 3; count += 1) ids.unshift((await createAlert(own)).id)
  const listed = async (query: string) => (await own.call('GET', `/v1/alerts?${query}`)).body
  const idsOf = (page: { data: { id: string }[] }) => page.data.map(({ id }) => id)
  const page = await listed('limit=2&offset=1')
  assert.deepEqual([idsOf(page), page.total], [ids.slice(1), 3])
  assert.deepEqual(idsOf(await listed('state=ok')), ids)
  assert.deepEqual(idsOf(await listed('state=firing')), [])
  assert.equal((await own.call('DELETE', `/v1/alerts/${ids[0]}`)).status, 204)
  assert.equal((await own.call('DELETE', `/v1/alerts/${ids[0]}`)).status, 404)
  assert.deepEqual(idsOf(await listed('')), ids.slice(1))
})

test('an organization has at most 100 alerts', async (t) => {
  const own = await startServer(t)
  for (let count = 0; count < 100; count += 1) await createAlert(own, { enabled: false })
  const rule = { name: 'Failures', metric: 'failed_turns', threshold: 1 }
  const { status, body } = await own.call('POST', '/v1/alerts', rule)
  assert.deepEqual([status, body.code], [403, 'quota_exceeded'])
})
