/**
 * Routes of OpenAI's APIs are no part of the OpenAPI document. They are read from their sources,
 * and tried as the adapters of the document are.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  callerWith,
  createKey,
  expectStatus,
  type Person,
  registerPerson,
  startGuarded,
} from '../../../apps/server/test/access.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { createAgent, createSession, scripted } from '../../../apps/server/test/session.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { unlimited } from './operations.ts'

const base = '/openai/v1'
const folder = path.join(import.meta.dirname, '../../../apps/server/src/http/routes/openai')

type Operation = { method: string; url: string }

const operations: Operation[] = readdirSync(folder)
  .filter((file) => !file.endsWith('.test.ts'))
  .flatMap((file) => {
    const text = readFileSync(path.join(folder, file), 'utf8')
    const found = text.matchAll(/method: '(\w+)',\s+url: '([^']+)'/g)
    return [...found].map(([, method = '', url = '']) => ({ method, url }))
  })

let server: Awaited<ReturnType<typeof startGuarded>>
let owner: Person
let stranger: Person
let key: Awaited<ReturnType<typeof createKey>>
let agentId: string
/** A response of the owner. */
let responseId: string

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext, { env: unlimited })
  owner = await registerPerson(server)
  stranger = await registerPerson(server)
  key = await createKey(server, owner)
  agentId = (await createAgent({ url: server.url, call: key.call })).id
  const sent = { model: agentId, input: 'Secret of the owner.' }
  responseId = expectStatus(await key.call('POST', `${base}/responses`, sent), 200).id
})

const sessionHex = () => responseId.slice('resp_'.length, 'resp_'.length + 32)

const unknown = `${'0'.repeat(31)}9`

/** The path of an operation on the things of the owner, or on those that do not exist. */
function filled({ url }: Operation, isKnown = true): string {
  const values: Record<string, string> = isKnown
    ? { response_id: responseId, conversation_id: `conv_${sessionHex()}`, model: agentId }
    : {
        response_id: responseId.replace(sessionHex(), unknown),
        conversation_id: `conv_${unknown}`,
        model: `agent_${unknown}`,
      }
  return base + url.replace(/:(\w+)/g, (_, name: string) => values[name] ?? assert.fail(name))
}

function bodyOf({ method, url }: Operation, model = agentId): object | undefined {
  if (method !== 'POST') return undefined
  if (url === '/responses') return { model, input: 'Hello' }
  if (url !== '/chat/completions') return {}
  return { model, messages: [{ role: 'user', content: 'Hello' }] }
}

type Headers = Record<string, string>

const send = (operation: Operation, headers: Headers, isKnown = true) => {
  const body = bodyOf(operation, isKnown ? agentId : `agent_${unknown}`)
  return server.call(operation.method, filled(operation, isKnown), body, headers)
}

const codeOf = ({ body }: { body: { error?: { code: string } } | null }) => body?.error?.code

const count = async () => expectStatus(await key.call('GET', '/v1/sessions'), 200).total as number

test('OpenAI routes are closed to callers without a credential, and are never cached', async () => {
  assert.ok(operations.length >= 11, String(operations.length))
  for (const operation of operations) {
    for (const [headers, code] of [
      [{}, 'unauthenticated'],
      [{ authorization: 'Bearer nonsense' }, 'invalid_token'],
      [{ 'x-forwarded-user': 'admin', 'outlast-user': owner.id }, 'unauthenticated'],
    ] as const) {
      const heard = await send(operation, headers)
      const name = `${operation.method} ${operation.url}`
      assert.deepEqual([heard.status, codeOf(heard)], [401, code], name)
      assert.equal(heard.headers.get('cache-control'), 'no-store', name)
    }
  }
  const read = await key.call('GET', `${base}/responses/${responseId}`)
  expectStatus(read, 200)
  assert.equal(read.headers.get('cache-control'), 'no-store')
})

test('a link opens no route of OpenAI', async () => {
  const session = await createSession(
    { url: server.url, call: key.call },
    { agent_id: agentId, key: 'shared' },
  )
  const shares = `/v1/sessions/${session.id}/shares`
  const made = await key.call('POST', shares, { include: ['details'] })
  const { token } = expectStatus(made, 201)
  for (const operation of operations) {
    const heard = await send(operation, { authorization: `Bearer ${token}` })
    const name = `${operation.method} ${operation.url}`
    assert.deepEqual([heard.status, codeOf(heard)], [403, 'users_only'], name)
  }
})

test('things of another organization look like those that do not exist', async () => {
  const before = await count()
  const foreign = (await createKey(server, stranger)).key
  for (const credential of [stranger.bearer, `Bearer ${foreign}`]) {
    for (const operation of operations) {
      if (operation.url === '/conversations') continue
      const headers = { authorization: credential }
      const heard = []
      for (const isKnown of [true, false]) {
        const { status, body } = await send(operation, headers, isKnown)
        const text = JSON.stringify(body).replaceAll(agentId, '').replaceAll(`agent_${unknown}`, '')
        heard.push([status, text])
      }
      const name = `${operation.method} ${operation.url}`
      assert.deepEqual(heard[0], heard[1], name)
      assert.equal(heard[0]![0], operation.url === '/models' ? 200 : 404, name)
      assert.doesNotMatch(String(heard[0]![1]), /Secret|Ada/, name)
    }
  }
  assert.equal(await count(), before)
  const named = { authorization: stranger.bearer, 'x-org-id': owner.orgId }
  const read = await server.call('GET', `${base}/responses/${responseId}`, undefined, named)
  assert.equal(read.status, 404)
})

test('a token approves calls with the operation that its decision calls', async () => {
  const config = { requires_approval: ['write_file'] }
  const capabilities = [{ ref: 'session_file_system', config }]
  const write = { id: 'call_1', name: 'write_file', arguments: { path: '/a', content: 'x' } }
  const system_prompt = scripted({ tool_calls: [write] }, { text: 'Done.' })
  const fields = { capabilities, system_prompt }
  const agent = await createAgent({ url: server.url, call: key.call }, fields)
  const reads = ['get_session', 'list_sessions', 'list_events', 'stream_sse']
  const decide = async (operation: string) => {
    const operations = [...reads, 'create_session', 'create_message', operation]
    const token = await key.call('POST', '/v1/tokens', {
      user: 'ada',
      access: 'approve',
      operations,
    })
    const call = callerWith(server.url, `Bearer ${expectStatus(token, 201).token}`)
    const send = (body: object) => call('POST', `${base}/responses`, { model: agent.id, ...body })
    const { id, output } = expectStatus(await send({ input: 'Hello' }), 200)
    assert.equal(output[0].type, 'mcp_approval_request')
    const answer = { approval_request_id: output[0].id, approve: true }
    const item = { type: 'mcp_approval_response', ...answer }
    return send({ previous_response_id: id, input: [item] })
  }
  const refused = await decide('submit_tool_approvals')
  assert.deepEqual([refused.status, codeOf(refused)], [403, 'not_granted'])
  expectStatus(await decide('decide_tool_calls'), 200)
})

test('a page of another origin cannot use the cookie of a user at OpenAI routes', async () => {
  const cookie = `access_token=${owner.tokens.access_token}; outlast_org=${owner.orgId}`
  const attacks: Headers[] = [
    {},
    { origin: 'https://attacker.example.com' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]
  const before = await count()
  for (const operation of operations) {
    if (operation.method === 'GET') continue
    for (const headers of attacks) {
      const heard = await send(operation, { cookie, ...headers })
      const name = `${operation.method} ${operation.url}`
      assert.deepEqual([heard.status, codeOf(heard)], [403, 'origin_not_allowed'], name)
    }
  }
  assert.equal(await count(), before)
  const own = { cookie, origin: server.url }
  expectStatus(await send({ method: 'POST', url: '/responses' }, own), 200)
})

test('requests of OpenAI clients count against the limits of their caller', async (t) => {
  const limited = await startGuarded(t, { env: { RATE_LIMIT_KEY: '12' } })
  const person = await registerPerson(limited)
  const { id } = await createAgent({ url: limited.url, call: person.call })
  const { call } = await createKey(limited, person)
  const begun = performance.now()
  let admitted = 0
  const refused = await eventually(async () => {
    const answer = await call('POST', `${base}/responses`, { model: id, input: `${admitted}` })
    if (answer.status === 429) return answer
    admitted += 1
    return undefined
  })
  const refilled = ((performance.now() - begun) * 12) / 60_000
  // Each request is at least three: its own, the session and the message.
  assert.ok(3 * admitted <= 12 + refilled, String(admitted))
  assert.equal(codeOf(refused), 'rate_limited')
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
})
