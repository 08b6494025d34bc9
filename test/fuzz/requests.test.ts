/**
 * Thousands of requests, valid and broken, at every documented operation. `FUZZ_SEED=<number>`
 * repeats a run; `FUZZ_RUNS=<number>` makes it longer.
 */
import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Event } from '@outlast/contract'
import fc from 'fast-check'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { createSchedule, trigger } from '../../apps/server/test/schedules.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { converse, createAgent, createSession } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import {
  type Client,
  judge,
  judgeError,
  type Operation,
  openClient,
  operationsOf,
  type Sent,
} from './client.ts'
import { anyPath, requestOf } from './generate.ts'

const seed = Number(process.env.FUZZ_SEED ?? 20_260_207)
const runs = Number(process.env.FUZZ_RUNS ?? 40)
const operationMs = process.env.FUZZ_RUNS ? Number.POSITIVE_INFINITY : 2_500
/** For all operations, on a busy machine. The requests take at most half of it. */
const timeoutMs = 480_000
const requestsMs = process.env.FUZZ_RUNS ? Number.POSITIVE_INFINITY : timeoutMs / 2
const bigBytes = 1_000_000
const newSessions = 2
const sessionsMax = 6

let server: Awaited<ReturnType<typeof startServer>>
let client: Client
let operations: Operation[]

/** Ids of existing resources, for requests that need them. */
const pools: Record<string, string[]> = { event: [], message: [], turn: [], org: [] }

beforeAll(async (t) => {
  // Each operation gets its own resources.
  server = await startServer(t as TestContext, { env: { PROVIDERS_MAX: '0' } })
  client = openClient(server.url)
  const { body } = await server.call('GET', '/api-doc/openapi.json')
  operations = operationsOf(body)
})
after(() => client?.close())

/** Creates deleted resources again for the next request; some sessions have earlier turns. */
async function refill() {
  pools.provider = [await provider()]
  pools.model = [await model(pools.provider[0]!)]
  pools.agent = [(await createAgent(server)).id]
  const agent_id = pools.agent[0]!
  const made = Array.from({ length: newSessions }, () => createSession(server, { agent_id }))
  const ids = (await Promise.all(made)).map(({ id }) => id)
  pools.session = [...ids, ...(pools.session ?? [])].slice(0, sessionsMax)
  const { id } = await createSchedule(server)
  pools.schedule = [id]
  pools.execution = [(await trigger(server, id)).id]
}

/** Event ids from which a stream can resume. */
async function findEvents() {
  const lists = await Promise.all(
    pools.session!.map((id) => server.call('GET', `/v1/sessions/${id}/events?limit=5`)),
  )
  pools.event = lists.flatMap(({ body }) => (body.data ?? []).map((event: Event) => event.id))
}

async function created(path: string, fields: object): Promise<string> {
  const { status, body } = await server.call('POST', path, fields)
  assert.equal(status, 201, JSON.stringify(body))
  return body.id
}

/** Simulated: tests call no provider, even with changed models. */
const provider = () =>
  created('/v1/llm-providers', { name: 'Simulated too', provider_type: 'llmsim' })

const model = (of: string) =>
  created(`/v1/llm-providers/${of}/models`, { model_id: 'llmsim-default', display_name: 'Default' })

function filledIn(value: string): string {
  return value
    .replace(/<(\w+):(\d+)>/g, (_, noun, pick) => {
      const pool = pools[noun] ?? []
      return pool[Number(pick) % pool.length] ?? `${noun}_${'0'.repeat(32)}`
    })
    .replace(/<big:(.[^>]*)>/gu, (_, unit: string) => unit.repeat(bigBytes / unit.length))
}

function ready({ method, path, headers, body }: Sent): Sent {
  const entries = Object.entries(headers).map(([name, value]) => [
    name,
    typeof value === 'string' ? filledIn(value) : value,
  ])
  return {
    method,
    path: filledIn(path),
    headers: Object.fromEntries(entries),
    ...(body !== undefined && { body: filledIn(String(body)) }),
  }
}

test('every operation handles any request', { timeout: timeoutMs }, async (t) => {
  t.diagnostic(`seed ${seed}`)
  const until = Date.now() + requestsMs
  for (const [index, operation] of operations.entries()) {
    await t.test(`${operation.method} ${operation.path}`, async (t) => {
      let count = 0
      const statuses = new Map<number, number>()
      await refill()
      await findEvents()
      const shareMs = (until - Date.now()) / (operations.length - index)
      const deadline = Date.now() + Math.min(operationMs, shareMs)
      await fc.assert(
        fc.asyncProperty(requestOf(operation), async (template) => {
          if (Date.now() > deadline) return
          const sent = ready(template)
          const got = await client.send(sent)
          count += 1
          statuses.set(got.status, (statuses.get(got.status) ?? 0) + 1)
          judge(operation, sent, got)
          if (operation.method === 'DELETE' && got.status === 204) await refill()
        }),
        { seed, numRuns: runs },
      )
      t.diagnostic(
        `${count} requests: ${[...statuses]
          .sort()
          .map((pair) => pair.join(' × '))
          .join(', ')}`,
      )
    })
  }
})

test('responds to any method at any address', async () => {
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...methods), anyPath(operations), async (method, path) => {
      const got = await client.send({ method, path: filledIn(path), headers: {} })
      if (method === 'HEAD') assert.ok(got.status < 500 && got.text === '')
      else if (got.status >= 400) judgeError(got)
      assert.match(String(got.headers['x-request-id']), /^[\w.-]+$/)
    }),
    { seed, numRuns: runs * 4 },
  )
})

test('ignores unknown fields, above all names of table columns', async () => {
  await refill()
  const foreign = { id: 'x', org_id: 'org_00000000000000000000000000000002', api_key_set: true }
  const internal = { sequence: 7, turn_id: 'x', source: 'predefined', created_at: '2000-01-01' }
  const nouns = { agents: 'agent', sessions: 'session', 'llm-providers': 'provider' }
  for (const [plural, noun] of Object.entries({ ...nouns, 'llm-models': 'model' })) {
    const path = `/v1/${plural}/${pools[noun]![0]}`
    const before = await server.call('GET', path)
    const { status, body } = await server.call('PATCH', path, { ...foreign, ...internal })
    assert.equal(status, 200, JSON.stringify(body))
    const after = await server.call('GET', path)
    const { updated_at } = after.body
    assert.deepEqual(after.body, { ...before.body, updated_at }, plural)
  }
})

test('every accepted message is answered', async () => {
  const active = async () => (await server.call('GET', '/v1/sessions?status=active')).body.total
  while ((await active()) > 0) await sleep(100)
})

test('the server is healthy after all requests', async (t) => {
  // A node whose lease was renewed late is well again after the next renewal.
  await eventually(async () => (await server.call('GET', '/health')).body.status === 'ok')
  assert.equal(({} as { polluted?: boolean }).polluted, undefined)
  const session = await createSession(server, { model_id: await model(await provider()) })
  const events = await converse(t, server, session.id, 'What is 2 + 3?')
  assert.equal(events.at(-1)!.type, 'session.idled')
  assert.equal((await server.call('GET', `/v1/sessions/${session.id}`)).body.status, 'idle')
})
