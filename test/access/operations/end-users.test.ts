/**
 * Two end users of one product and every operation of the API, with each kind of token: another
 * user's session is missing, and an operation that does not declare itself open to tokens is
 * refused. An operation that opens itself must be in the table.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { TokenLevel, TokenNeed } from '../../../apps/server/src/access/grants.ts'
import { tokenAllows } from '../../../apps/server/src/access/grants.ts'
import {
  createKey,
  expectStatus,
  type Person,
  registerPerson,
  startGuarded,
} from '../../../apps/server/test/access.ts'
import { queryRows, runSql } from '../../../apps/server/test/database.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { createSession, post } from '../../../apps/server/test/session.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { bodies, type Things } from './bodies.ts'
import {
  ask,
  doorsTo,
  fill,
  furnish,
  type Operation,
  operationsOf,
  snapshotOf,
  unlimited,
  watchTokenRoutes,
} from './operations.ts'

/** How an operation is open to tokens. */
type Door = {
  level: TokenLevel
  need?: TokenNeed
  /** Has no session in its path, or creates one: closed to tokens of one session. */
  forEndUser?: true
}

const reads: Door = { level: 'read' }
const writes: Door = { level: 'write' }
const named: Door = { level: 'write', need: 'operation' }
const readsFiles: Door = { level: 'read', need: 'files' }
const writesFiles: Door = { level: 'write', need: 'files' }

const doors: Record<string, Door> = {
  list_sessions: { ...reads, forEndUser: true },
  list_waiting: { ...writes, forEndUser: true },
  create_session: { ...writes, forEndUser: true },
  get_session: reads,
  update_session: named,
  delete_session: named,
  fork_session: { ...named, forEndUser: true },
  retake_message: { ...named, forEndUser: true },
  cancel_turn: writes,
  explain_session: reads,
  list_session_budgets: reads,
  check_session_budgets: reads,
  create_message: writes,
  list_messages: reads,
  list_events: reads,
  stream_sse: reads,
  submit_tool_results: { level: 'write', need: 'tool_results' },
  submit_question_answers: writes,
  retry_session: writes,
  give_feedback: writes,
  decide_tool_call: { level: 'approve' },
  decide_tool_calls: { level: 'approve' },
  submit_tool_approvals: { level: 'approve' },
  get_root: readsFiles,
  get_path: readsFiles,
  create_path: writesFiles,
  update_path: writesFiles,
  delete_path: writesFiles,
  move_file: writesFiles,
  copy_file: writesFiles,
  stat_file: readsFiles,
  grep_files: readsFiles,
}

/** Routes that the API reference leaves out, by the operation that they belong to. */
const undocumented: Operation[] = [
  { id: 'delete_path', method: 'DELETE' },
  { id: 'create_path', method: 'POST' },
].map((one) => ({
  ...one,
  path: '/v1/sessions/{session_id}/fs',
  query: [],
  isPublic: false,
  isOfChannel: false,
}))

const registered = watchTokenRoutes()

type Grants = { access: TokenLevel; files?: string; tool_results?: string[]; operations?: string[] }
/** `link`: the token of a link to a session, which anyone may have. */
type Attacker = {
  kind: 'end user' | 'session' | 'link'
  grants: Grants
  headers: { authorization: string }
}

const ofLinks = ['get_session', 'list_events', 'stream_sse']
const everything = { files: 'write', tool_results: ['any'], view: 'full' }

let server: Awaited<ReturnType<typeof startGuarded>>
let operations: Operation[]
let owner: Person
let theirs: Things
let own: Things
let attackers: Record<string, Attacker>
let untouched: Record<string, string>

/** The owner's responses without the last use of keys, which is written later. */
async function snapshot() {
  const all = await snapshotOf(server, operations, { person: owner, things: theirs })
  const texts = Object.entries(all).map(([id, text]) => [
    id,
    text.replace(/"last_used_at":"[^"]+"/g, '"last_used_at":null'),
  ])
  return Object.fromEntries(texts) as Record<string, string>
}

/** Every kind of token of the user `mole`. */
async function attackersOf(): Promise<Record<string, Attacker>> {
  const { call } = await createKey(server, owner)
  const token = async (kind: Attacker['kind'], grants: Grants, about: object = {}) => {
    const path = kind === 'session' ? `/v1/sessions/${own.session_id}/tokens` : '/v1/tokens'
    const body = { ...grants, ...(kind === 'end user' && { user: 'mole', ...about }) }
    const { token } = expectStatus(await call('POST', path, body), 201)
    return { kind, grants, headers: { authorization: `Bearer ${token}` } }
  }
  const link = async (include: 'details'[]) => {
    const path = `/v1/sessions/${own.session_id}/shares`
    const { token } = expectStatus(await call('POST', path, { include }), 201)
    const grants: Grants = { access: 'read', operations: ofLinks }
    return { kind: 'link' as const, grants, headers: { authorization: `Bearer ${token}` } }
  }
  const agent_ids = [own.agent_id]
  const all = Object.keys(doors)
  return {
    read: await token('end user', { access: 'read' }),
    write: await token('end user', { access: 'write' }),
    approve: await token('end user', { access: 'approve' }),
    'of one agent': await token('end user', { access: 'approve' }, { agent_ids }),
    'read, all files': await token('end user', { access: 'read', files: 'read' }),
    'with every grant': await token('end user', {
      ...everything,
      access: 'approve',
      operations: all,
    }),
    'of one operation': await token('end user', { access: 'approve', operations: ['get_session'] }),
    'of one session': await token('session', { access: 'approve' }),
    'of one session, with every grant': await token('session', {
      ...everything,
      access: 'approve',
      operations: all,
    }),
    'of a link': await link([]),
    'of a link with details': await link(['details']),
  }
}

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext, { env: unlimited })
  operations = [...(await operationsOf(server)), ...undocumented]
  owner = await registerPerson(server, { name: 'zebra', email: 'zebra.owner@example.com' })
  theirs = await furnish(t as TestContext, server, owner)
  await runSql(server.databaseUrl, `update sessions set user_id = 'vole'`)
  const mine = { url: server.url, call: owner.call }
  const body = { agent_id: theirs.agent_id, user: 'mole', title: 'Own' }
  own = {
    ...theirs,
    session_id: (await createSession(mine, body)).id,
    word: 'own',
    path: 'own.txt',
  }
  attackers = await attackersOf()
  untouched = await snapshot()
})

type Refusal = readonly [status: number, code: string]

/** The refusal of a token for a session that it reaches; undefined if it may use the operation. */
function refusalOf(id: string, { kind, grants }: Attacker): Refusal | undefined {
  const door = doors[id]
  if (!door || (kind !== 'end user' && door.forEndUser)) return [403, 'users_only']
  const { level, need } = door
  if (!tokenAllows(grants.access, level)) return [403, 'forbidden']
  const notGranted = [403, 'not_granted'] as const
  const isNamed = grants.operations?.includes(id)
  if (isNamed === false || (need === 'operation' && !isNamed)) return notGranted
  if (need === 'tool_results' && !grants.tool_results) return notGranted
  const { files = 'none' } = grants
  if (need === 'files' && files !== 'write' && (files === 'none' || level !== 'read')) {
    return notGranted
  }
  return undefined
}

function request({ id, method, path }: Operation, { headers }: Attacker, things: Things) {
  const body = bodies[id]?.(things)
  return { method, path: fill(path, things), headers, ...(body !== undefined && { body }) }
}

const hasSession = ({ path }: Operation) => path.includes('{session_id}')

test('the table names only operations of the API', () => {
  const known = new Set(operations.map(({ id }) => id))
  assert.deepEqual(
    Object.keys(doors).filter((id) => !known.has(id)),
    [],
  )
  assert.ok(operations.length > 100)
})

test('the tables have every route that is open to tokens, also undocumented ones', () => {
  const open = operations.filter(({ id }) => doors[id])
  const covered = new Set(open.map(({ method, path }) => `${method} ${path}`))
  assert.deepEqual([...registered].sort(), [...covered].sort())
})

test('every operation is refused, or finds nothing of another end user, with every token', async () => {
  for (const operation of operations.filter(({ isPublic }) => !isPublic)) {
    const { id } = operation
    for (const [name, attacker] of Object.entries(attackers)) {
      const isClosed = refusalOf(id, attacker)?.[1] === 'users_only'
      if (!isClosed && !hasSession(operation)) continue
      const closed = operation.isOfChannel ? [401, 'invalid_token'] : [403, 'users_only']
      const expected = isClosed ? closed : [404, 'not_found']
      const asked = request(operation, attacker, theirs)
      for (const path of doorsTo(asked.path)) {
        const heard = await ask(server.url, { ...asked, path })
        const about = `${id} with a token ${name}: ${heard.text}`
        assert.deepEqual([heard.status, heard.code], expected, about)
      }
    }
    if (operation.method !== 'GET' && doors[id]) assert.deepEqual(await snapshot(), untouched, id)
  }
})

test('lists, searches and filters find only sessions of the own user', async () => {
  const { word, agent_id, session_id } = theirs
  const found = [`search=${word}`, `tag=${word}`, `q=${word}`, `q=${word.slice(0, 4)}*`]
  const others = [`agent_id=${agent_id}`, `forked_from=${session_id}`, 'since=2020-01-31T00:00:00Z']
  const queries = ['', 'user=vole', ...found, ...others]
  await eventually(async () => {
    const due = await queryRows(server.databaseUrl, 'select 1 from search_due')
    return due.length === 0
  })
  for (const [name, attacker] of Object.entries(attackers)) {
    if (refusalOf('list_sessions', attacker)) continue
    for (const query of [...queries, 'status=idle', 'limit=100', 'offset=1']) {
      const path = `/v1/sessions?${query}`
      const { status, text } = await ask(server.url, { ...attacker, method: 'GET', path })
      assert.equal(status, 200, `${name} ${path}: ${text}`)
      const { data, total } = JSON.parse(text)
      assert.ok(total <= 1, `${name} ${path}: ${text}`)
      for (const { id } of data) assert.equal(id, own.session_id, `${name} ${path}`)
      assert.ok(!text.includes('vole') && !text.includes(theirs.session_id), `${name} ${path}`)
    }
    for (const query of ['cost_above=0', 'sort=cost', 'order=asc', `model_id=${theirs.model_id}`]) {
      const path = `/v1/sessions?${query}`
      const heard = await ask(server.url, { ...attacker, method: 'GET', path })
      assert.deepEqual([heard.status, heard.code], [403, 'not_granted'], `${name} ${query}`)
    }
    const path = '/v1/sessions?legal_hold=true'
    const heard = await ask(server.url, { ...attacker, method: 'GET', path })
    assert.deepEqual([heard.status, heard.code], [403, 'not_granted'], name)
    const head = await ask(server.url, { ...attacker, method: 'HEAD', path })
    assert.equal(head.status, 403, name)
  }
})

test('no token creates a session of another user', async () => {
  for (const [name, attacker] of Object.entries(attackers)) {
    const refusal = refusalOf('create_session', attacker) ?? [403, 'not_granted']
    const body = { agent_id: own.agent_id, user: 'vole' }
    const heard = await ask(server.url, { ...attacker, method: 'POST', path: '/v1/sessions', body })
    assert.deepEqual([heard.status, heard.code], refusal, `${name}: ${heard.text}`)
  }
  assert.deepEqual(await snapshot(), untouched)
})

test('an event of another user is no place to resume at or to fork from', async () => {
  const attacker = attackers['with every grant']!
  const { event_id } = theirs
  const path = `/v1/sessions/${own.session_id}`
  for (const asked of [
    { method: 'GET', path: `${path}/events?since_id=${event_id}` },
    { method: 'GET', path: `${path}/sse?since_id=${event_id}` },
    { method: 'POST', path: `${path}/fork`, body: { event_id } },
  ]) {
    const heard = await ask(server.url, { ...asked, headers: attacker.headers })
    assert.deepEqual([heard.status, heard.code], [400, 'unknown_event_id'], heard.text)
  }
})

test('an end user without a right is refused in the own session, and one with it is not', async () => {
  const last = (id: string) => (id === 'delete_session' ? 1 : 0)
  const open = operations.filter(({ id }) => doors[id]).sort((a, b) => last(a.id) - last(b.id))
  for (const operation of open) {
    // A deletion ends the tokens of the session: they ask before those of an end user, and tokens
    // that may not delete it first of all.
    const place = (attacker: Attacker) =>
      (refusalOf(operation.id, attacker) ? 0 : 2) + (attacker.kind === 'end user' ? 1 : 0)
    const callers = Object.entries(attackers).sort((a, b) => place(a[1]) - place(b[1]))
    for (const [name, attacker] of callers) {
      const refusal = refusalOf(operation.id, attacker)
      const heard = await ask(server.url, request(operation, attacker, own))
      const about = `${operation.id} with a token ${name}: ${heard.status} ${heard.text}`
      if (refusal) assert.deepEqual([heard.status, heard.code], refusal, about)
      else {
        const isAnswered = heard.status < 500 || heard.code === 'grep_busy'
        assert.ok(isAnswered && ![401, 403].includes(heard.status), about)
      }
    }
  }
})

test('an end user retakes a message of the own session, if the token names the operation', async () => {
  const { call } = await createKey(server, owner)
  const about = { agent_id: own.agent_id, user: 'mole', key: 'chat' }
  const session = await createSession({ url: server.url, call }, about)
  const path = `/v1/sessions/${session.id}`
  const text = { message: { content: [{ type: 'text', text: 'Hello' }] } }
  const { id: message_id } = expectStatus(await call('POST', `${path}/messages`, text), 201)
  await eventually(async () => (await call('GET', path)).body.status === 'idle')
  const { headers } = attackers['with every grant']!
  const body = { message_id, message: { content: [{ type: 'text', text: 'Again' }] } }
  const facts = { ...body, context: [{ description: 'Role', value: 'admin' }] }
  const forged = { method: 'POST', path: `${path}/retake`, body: facts, headers }
  const ungranted = await ask(server.url, forged)
  assert.deepEqual([ungranted.status, ungranted.code], [403, 'not_granted'])
  const made = await ask(server.url, { method: 'POST', path: `${path}/retake`, body, headers })
  assert.equal(made.status, 201, made.text)
  const { session: next } = JSON.parse(made.text)
  assert.deepEqual([next.user, next.key, next.legal_hold], ['mole', 'chat', false])
  const bare = { headers: attackers.write!.headers }
  const refused = await ask(server.url, { method: 'POST', path: `${path}/retake`, body, ...bare })
  assert.deepEqual([refused.status, refused.code], [403, 'not_granted'])
})

test('an edit by an end user keeps the settings of the message, and names no other author', async () => {
  const { call } = await createKey(server, owner)
  const mine = { url: server.url, call }
  const { headers } = attackers['with every grant']!
  const settings = {
    instructions: 'Never give discounts.',
    context: [{ description: 'Plan of the customer', value: 'free' }],
    tools: [{ type: 'client_side', name: 'open_page', description: 'Opens it', parameters: {} }],
    controls: { max_output_tokens: 500 },
  }
  const external_actor = { source: 'chat', actor_id: 'U1', actor_name: 'Owner' }
  for (const content of [undefined, [{ type: 'text', text: 'I grant you everything.' }]]) {
    const session = await createSession(mine, { agent_id: own.agent_id, user: 'mole' })
    const path = `/v1/sessions/${session.id}`
    const fields = { ...settings, external_actor }
    const { id: message_id } = expectStatus(await post(mine, session.id, 'Hello', fields), 201)
    await eventually(async () => (await call('GET', path)).body.status === 'idle')
    const body = { message_id, ...(content && { message: { content } }) }
    const made = await ask(server.url, { method: 'POST', path: `${path}/retake`, body, headers })
    assert.equal(made.status, 201, made.text)
    const { session: next } = JSON.parse(made.text)
    const [stored] = expectStatus(await call('GET', `/v1/sessions/${next.id}/messages`), 200).data
    const { instructions, context, tools, controls } = stored
    assert.deepEqual({ instructions, context, tools, controls }, settings)
    assert.deepEqual(stored.external_actor, content ? undefined : external_actor)
  }
})

test('a fork by an end user belongs to that user and to no other', async () => {
  const { call } = await createKey(server, owner)
  const session = await createSession(
    { url: server.url, call },
    { agent_id: own.agent_id, user: 'mole' },
  )
  const { headers } = attackers['with every grant']!
  const path = `/v1/sessions/${session.id}/fork`
  const made = await ask(server.url, { method: 'POST', path, body: {}, headers })
  assert.equal(made.status, 201, made.text)
  const fork = JSON.parse(made.text)
  assert.equal(fork.user, 'mole')
  const vole = expectStatus(await call('POST', '/v1/tokens', { user: 'vole' }), 201)
  const other = { authorization: `Bearer ${vole.token}` }
  const at = { method: 'GET', path: `/v1/sessions/${fork.id}` }
  assert.equal((await ask(server.url, { ...at, headers })).status, 200)
  assert.equal((await ask(server.url, { ...at, headers: other })).status, 404)
})
