/** The operations of the OpenAPI document, and the parameters that tests need to call each. */
import assert from 'node:assert/strict'
import { subscribe } from 'node:diagnostics_channel'
import type { TestContext } from 'node:test'
import type { FastifyInstance } from 'fastify'
import {
  createKey,
  expectStatus,
  type Person,
  registerPerson,
} from '../../../apps/server/test/access.ts'
import { formOf, pngOf } from '../../../apps/server/test/pictures.ts'
import { refOf } from '../../../apps/server/test/remotes/mcp.ts'
import { type Call, sendable } from '../../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  dataOf,
  post,
  scripted,
} from '../../../apps/server/test/session.ts'
import { follow } from '../../../apps/server/test/stream.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { type Things, usdBudget } from './bodies.ts'
import { endless, operatorsOnly, unsuccessful } from './operation-sets.ts'
import { furnishWebhooks } from './webhooks.ts'

export type Server = { url: string; call: Call }
export type Operation = {
  id: string
  method: string
  path: string
  /** Names of its query parameters. */
  query: string[]
  isPublic: boolean
  /** Its callers have a credential of a channel. */
  isOfChannel: boolean
}

/**
 * Paths of adapters: they speak the protocols of other clients, and what they do is checked by the
 * operations that they call. adapters.test.ts has their rules, and openai.test.ts those of OpenAI.
 */
const adapters = ['/v1/ai-sdk/', '/v1/ag-ui/', '/openai/']

export const isAdapter = ({ path }: Pick<Operation, 'path'>) =>
  adapters.some((prefix) => path.startsWith(prefix))

/** Every operation of the document but those of adapters, in its order. */
export const operationsOf = async (server: Server): Promise<Operation[]> =>
  (await allOperationsOf(server)).filter((operation) => !isAdapter(operation))

export async function allOperationsOf({ call }: Server): Promise<Operation[]> {
  const { paths } = expectStatus(await call('GET', '/api-doc/openapi.json'), 200)
  type Parameter = { in: string; name: string }
  type Described = { operationId: string; security?: unknown[]; parameters: Parameter[] }
  return Object.entries<Record<string, Described>>(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId: id, security, parameters }]) => ({
      id,
      method: method.toUpperCase(),
      path,
      query: parameters.filter((one) => one.in === 'query').map(({ name }) => name),
      isPublic: security?.length === 0,
      isOfChannel: path.startsWith('/v1/channels/'),
    })),
  )
}

/** Fails when a table misses an operation or has a row for an unknown one. */
export function expectComplete(table: object, operations: Operation[]) {
  const ids = operations.map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length, 'two operations have one name')
  assert.deepEqual(Object.keys(table).sort(), ids.sort())
}

const nounOf = { 'llm-providers': 'provider_id', 'llm-models': 'model_id' } as const
const notOurs: Record<string, string> = {
  provider: 'google',
  harness_id: 'base',
  tool_call_id: 'call_1',
  tool_name: 'open_door',
  organization_id: `org_${'0'.repeat(31)}9`,
  worker_id: `node_${'0'.repeat(16)}`,
}

function nameOf(parameter: string, path: string) {
  if (parameter === 'id') return nounOf[path.split('/')[2] as keyof typeof nounOf]
  if (parameter === 'key_id' && path.includes('/channels/')) return 'agent_key_id'
  if (parameter === 'event_id' && path.includes('/deliveries/')) return 'delivery_id'
  if (parameter === 'webhook_id' && path.includes('task-webhooks')) return 'task_webhook_id'
  return parameter
}

/** The usage of one day, also after midnight. */
const day = new Date().toISOString().slice(0, 'yyyy-mm-dd'.length)

function requiredBy(path: string, { word }: Things, more: string): string {
  if (path === '/v1/usage' && more === '') return `from=${day}&to=${day}`
  if (path.startsWith('/v1/end-users')) return `user=${word}`
  return path === '/v1/agents/check-name' && !more.includes('name=') ? 'name=free' : ''
}

/** A path of the document with its parameters filled in, and the query that it requires. */
export function fill(path: string, things: Things, more = ''): string {
  const query = [requiredBy(path, things, more), more].filter((part) => part !== '').join('&')
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const noun = nameOf(name, path)
    const value = things[noun as keyof Things] ?? notOurs[noun]
    assert.ok(value, `no value for {${name}} of ${path}`)
    return value
  })
  return query === '' ? filled : `${filled}?${query}`
}

/** Every prefix of a path: none, /api, and the newer names. */
export function doorsTo(path: string): string[] {
  const newer = path.replace(/^\/v1\/llm-(providers|models)/, '/v1/$1')
  return [...new Set([path, newer])].flatMap((door) => [door, `/api${door}`])
}

/**
 * Paged lists of an organization. The path of files names a file, not a list. Images, budgets and
 * their entries are arrays without a total.
 */
export function listsIn(operations: Operation[]): Operation[] {
  const arrays = ['list_images', 'list_budgets', 'list_budget_ledger']
  const others = new Set([...operatorsOnly, 'get_path', ...arrays])
  return operations.filter(
    (one) => one.query.includes('limit') && !others.has(one.id) && !one.isOfChannel,
  )
}

/** Settings without rate limits. */
export const unlimited = Object.fromEntries(
  ['KEY', 'USER', 'ORG', 'ADDRESS'].map((what) => [`RATE_LIMIT_${what}`, '0']),
)

/** Every kind of resource of an organization, and a finished turn. */
export async function furnish(
  t: Pick<TestContext, 'after'>,
  server: Server,
  person: Person,
): Promise<Things> {
  const { call, orgId } = person
  const word = person.name
  const make = async (path: string, body: object) =>
    expectStatus(await call('POST', path, body), 201)
  const mine = { call, url: server.url }
  await furnishSeeds(mine, word)
  const provider = await make('/v1/llm-providers', { name: word, provider_type: 'llmsim' })
  const model = await make(`/v1/llm-providers/${provider.id}/models`, {
    model_id: `llmsim-${word}`,
    display_name: word,
  })
  const hooks = await furnishWebhooks(mine, word)
  const mcp = await make('/v1/mcp-servers', { name: word, url: 'https://mcp.invalid/' })
  const about = { name: word, system_prompt: word, default_model_id: model.id }
  const agent = await createAgent(mine, about)
  const channels = `/v1/agents/${agent.id}/channels`
  const channel = await make(channels, { channel_type: 'api' })
  expectStatus(await call('POST', `${channels}/${channel.id}/publish`), 200)
  const session = await createSession(mine, { agent_id: agent.id, title: word, tags: [word] })
  const budget = await make('/v1/budgets', { ...usdBudget, subject_id: agent.id })
  const headers = { authorization: person.bearer }
  const say = async (sessionId: string, said: string) => {
    const stream = await follow(t, server.url, { sessionId, headers })
    expectStatus(await post(mine, sessionId, said), 201)
    await stream.event('session.idled')
    stream.close()
    return stream
  }
  await createSession(mine, { agent_id: agent.id, user: word, title: word })
  // Of a user of its own: a deletion of the other one would revoke it.
  const userToken = await make('/v1/tokens', { user: `${word}.guest` })
  const stream = await say(session.id, word)
  await make(`/v1/sessions/${session.id}/fork`, {})
  const failing = await createSession(mine, { agent_id: agent.id, title: word })
  const error = { message: word, status: 400 }
  const failure = await (await say(failing.id, scripted({ error }))).event('turn.failed')
  await make(`/v1/sessions/${session.id}/fs/${word}.txt`, { content: word })
  const schedule = await make('/v1/durable/schedules', {
    name: word,
    cron_expression: '0 0 29 2 *',
    target: {
      type: 'workflow',
      name: 'send_message',
      input: { session_id: session.id, text: word },
    },
  })
  const trigger = `/v1/durable/schedules/${schedule.id}/trigger`
  const { execution_id } = expectStatus(await call('POST', trigger), 200)
  await eventually(async () => {
    const path = `/v1/durable/executions/${execution_id}`
    return expectStatus(await call('GET', path), 200).status === 'completed'
  })
  // Its turn would change what later requests read.
  await eventually(async () => {
    const { body } = await call('GET', `/v1/sessions/${session.id}`)
    return body.status === 'idle'
  })
  // Disabled, so that no evaluation changes it.
  const rule = { name: word, metric: 'failed_turns', agent_id: agent.id, threshold: 1 }
  const alert = await make('/v1/alerts', { ...rule, enabled: false })
  const image = expectStatus(
    await call('POST', '/v1/images', formOf(pngOf(2, 2), `${word}.png`)),
    201,
  )
  const invitations = `/v1/orgs/${orgId}/invitations`
  const email = `${word}.member@example.com`
  const { token: invitation } = await make(invitations, { email })
  const member = await registerPerson(server, { email, name: word, invitation })
  const waiting = await make(invitations, { email: `${word}.invited@example.com` })
  return {
    org_id: orgId,
    agent_id: agent.id,
    session_id: session.id,
    provider_id: provider.id,
    model_id: model.id,
    server_id: mcp.id,
    capability_id: refOf(mcp.id),
    key_id: (await createKey(server, person, { name: word })).id,
    channel_id: channel.id,
    agent_key_id: (await make(`${channels}/${channel.id}/keys`, { name: word })).id,
    user_id: member.id,
    invitation_id: waiting.id,
    invitation_token: waiting.token,
    event_id: stream.events.at(-1)!.id,
    message_id: dataOf(stream.events, 'input.message')!.message.id,
    token_id: (await make(`/v1/sessions/${session.id}/tokens`, {})).id,
    share_id: (await make(`/v1/sessions/${session.id}/shares`, {})).id,
    user_token_id: userToken.id,
    schedule_id: schedule.id,
    ...hooks,
    image_id: image.id,
    budget_id: budget.id,
    execution_id,
    alert_id: alert.id,
    turn_id: failure.data.turn_id,
    path: `${word}.txt`,
    word,
  }
}

/** Stores one of the caller's own at an id that every organization has. */
async function furnishSeeds(mine: Server, word: string) {
  const first = async (path: string) => expectStatus(await mine.call('GET', path), 200).data[0].id
  await createSession(mine, { agent_id: await first('/v1/agents'), title: word })
  const models = `/v1/llm-providers/${await first('/v1/llm-providers')}/models`
  const model = { model_id: `more-${word}`, display_name: word }
  expectStatus(await mine.call('POST', models, model), 201)
}

/** Ids of the same form that do not exist. */
export function nobodys(things: Things): Things {
  const other = (text: string) =>
    text.replace(/[0-9a-f](?=[0-9a-f]{0,11}$)/g, (digit) =>
      ((Number.parseInt(digit, 16) + 5) % 16).toString(16),
    )
  const ids = Object.entries(things).map(([name, id]) => [name, other(id)])
  const invitation_token = `invite_${'x'.repeat(things.invitation_token.length - 7)}`
  return { ...Object.fromEntries(ids), invitation_token, word: `${things.word}less` }
}

export type Asked = {
  method: string
  path: string
  body?: unknown
  headers?: Record<string, string>
}
export type Heard = { status: number; text: string; code: string | undefined }

/** Sends a request and reads the whole response; of a stream only the beginning. */
export async function ask(url: string, { method, path, body, headers }: Asked): Promise<Heard> {
  const closing = new AbortController()
  const sent = sendable(body)
  const response = await fetch(url + path, {
    method,
    ...sent,
    headers: { ...sent.headers, ...headers },
    redirect: 'manual',
    signal: closing.signal,
  })
  const { status } = response
  if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
    closing.abort()
    return { status, text: '', code: undefined }
  }
  const heard = await response.text()
  const code = status >= 400 && heard !== '' ? JSON.parse(heard).code : undefined
  return { status, text: heard, code }
}

/** On a loaded machine the node's lease lapses for a moment. */
const isLapsed = /^\{"status":"degraded","problems":\["No node takes turns\."\]/

/**
 * Audit entries without those of refused requests and exports, and health without the state of the
 * node. Other responses are unchanged.
 */
function withoutRecords(text: string): string {
  const entries = text.match(/\{"id":"audit_[^{}]*"details":(?:null|\{[^{}]*\})[^{}]*\}/g)
  const kept = entries?.filter((entry) => !/"refused":|"action":"export_/.test(entry)).join()
  return kept ?? text.replace(isLapsed, '{"status":"ok","problems":[]')
}

/** A response without the parts in which two resources differ. */
export function anonymous(answer: string, things: Things): string {
  const text = withoutRecords(answer)
  // The request itself updates the last use of the key, a moment later.
  let plain = text.replace(/"last_used_at":"[^"]+"/g, '"last_used_at":null')
  // An error names its request.
  plain = plain.replace(/,"instance":"[^"]+"/g, '')
  for (const [name, value] of Object.entries(things)) plain = plain.replaceAll(value, `<${name}>`)
  return plain
}

/** All that an organization's owner can read, by operation. */
export async function snapshotOf(
  server: Server,
  operations: Operation[],
  { person, things }: { person: Person; things: Things },
): Promise<Record<string, string>> {
  const readable = operations.filter(
    ({ id, method, isPublic, isOfChannel }) =>
      method === 'GET' &&
      !isPublic &&
      !endless.has(id) &&
      !operatorsOnly.has(id) &&
      !unsuccessful.has(id) &&
      !isOfChannel,
  )
  const all: Record<string, string> = {}
  for (const { id, path } of readable) {
    const headers = { authorization: person.bearer }
    const asked = { method: 'GET', path: fill(path, things), headers }
    const heard = await ask(server.url, asked)
    assert.equal(heard.status, 200, `${id}: ${heard.text}`)
    // The export has every entry that a page of the list has.
    all[id] = id === 'list_audit_log' ? '' : withoutRecords(heard.text)
  }
  return all
}

/** Collects the routes of servers in this process that are open to tokens. */
export function watchTokenRoutes(): Set<string> {
  const found = new Set<string>()
  subscribe('fastify.initialization', (message) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url, config }) => {
      if (!config?.forToken || method === 'HEAD') return
      const path = url.replace(/:(\w+)/g, '{$1}').replace('*', '{path}')
      for (const one of [method].flat()) found.add(`${one} ${path}`)
    })
  })
  return found
}
