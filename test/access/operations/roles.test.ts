/** Access rules of every operation, tried as every kind of caller. Every operation needs a row. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { tokenAllows } from '../../../apps/server/src/access/grants.ts'
import { type Level, levels } from '../../../apps/server/src/access/principal.ts'
import {
  addMember,
  createKey,
  expectStatus,
  type Person,
  registerPerson,
  signInAdmin,
  startGuarded,
} from '../../../apps/server/test/access.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { bodies, type Things } from './bodies.ts'
import {
  type Asked,
  ask,
  expectComplete,
  fill,
  furnish,
  nobodys,
  type Operation,
  operationsOf,
  snapshotOf,
  unlimited,
} from './operations.ts'
import { type Rule, rules } from './rules.ts'

type Caller = {
  kind: 'nobody' | 'user' | 'key' | 'token'
  level: Level
  headers: Record<string, string>
  /** Has the role of an owner: a user, or a key with all scopes. */
  isOwner?: true
  /** A token with all grants. */
  hasGrants?: true
}

const names = [
  'nobody',
  'viewer',
  'member',
  'admin',
  'owner',
  'key read',
  'key write',
  'key admin',
  'key *',
  'token read',
  'token write',
  'token read, all granted',
  'token write, all granted',
] as const
type Name = (typeof names)[number]

type Refusal = readonly [status: number, code: string]

/** The reason why a caller is refused; undefined when the caller is allowed. */
function refusalOf(
  { needs, token, grant, key }: Rule,
  { kind, level, isOwner, hasGrants }: Caller,
): Refusal | undefined {
  const forbidden = [403, 'forbidden'] as const
  const below = (wanted: Level) => levels.indexOf(level) < levels.indexOf(wanted)
  if (needs === 'public') return undefined
  if (kind === 'nobody') return [401, 'unauthenticated']
  if (needs === 'channel') return [401, 'invalid_token']
  if (kind === 'token') {
    if (!token) return [403, 'users_only']
    if (level === 'admin' || !tokenAllows(level, token)) return forbidden
    return grant === 'operation' || (grant && !hasGrants) ? [403, 'not_granted'] : undefined
  }
  if (kind === 'key' && key === 'never') return [403, 'users_only']
  if (needs === 'operator') return forbidden
  if (needs === 'owner') return isOwner ? undefined : forbidden
  const wanted = (kind === 'key' ? key : undefined) ?? needs
  return wanted !== 'signed-in' && wanted !== 'never' && below(wanted) ? forbidden : undefined
}

let server: Awaited<ReturnType<typeof startGuarded>>
let operations: Operation[]
let owner: Person
let things: Things
let callers: Record<Name, Caller>
let untouched: Record<string, string>

/** The owner's responses without the last use of keys, which is not an effect. */
async function snapshot() {
  const all = await snapshotOf(server, operations, { person: owner, things })
  const texts = Object.entries(all).map(([id, text]) => [
    id,
    text.replace(/"last_used_at":"[^"]+"/g, '"last_used_at":null'),
  ])
  return Object.fromEntries(texts) as Record<string, string>
}

async function callersOf(): Promise<Record<Name, Caller>> {
  const user = async (role: 'viewer' | 'member' | 'admin', level: Level) => {
    const { bearer } = await addMember(server, owner, role)
    return asUser(bearer, level)
  }
  const asUser = (authorization: string, level: Level): Caller => ({
    kind: 'user',
    level,
    headers: { authorization, 'x-org-id': owner.orgId },
  })
  const key = async (scope: string, level: Level): Promise<Caller> => {
    const { key: authorization } = await createKey(server, owner, { scopes: [scope] })
    return { kind: 'key', level, headers: { authorization } }
  }
  const token = async (access: 'read' | 'write', grants?: object): Promise<Caller> => {
    const body = { access, ...grants }
    const made = await owner.call('POST', `/v1/sessions/${things.session_id}/tokens`, body)
    const authorization = `Bearer ${expectStatus(made, 201).token}`
    const headers = { authorization }
    return { kind: 'token', level: access, headers, ...(grants && { hasGrants: true }) }
  }
  const all = { models: [things.model_id], tool_results: ['any'], view: 'full', files: 'write' }
  return {
    nobody: { kind: 'nobody', level: 'read', headers: {} },
    viewer: await user('viewer', 'read'),
    member: await user('member', 'write'),
    admin: await user('admin', 'admin'),
    owner: { ...asUser(owner.bearer, 'admin'), isOwner: true },
    'key read': await key('read', 'read'),
    'key write': await key('write', 'write'),
    'key admin': await key('admin', 'admin'),
    'key *': { ...(await key('*', 'admin')), isOwner: true },
    'token read': await token('read'),
    'token write': await token('write'),
    'token read, all granted': await token('read', { view: 'full', files: 'read' }),
    'token write, all granted': await token('write', all),
  }
}

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext, { env: unlimited })
  operations = await operationsOf(server)
  owner = await registerPerson(server, { name: 'okapi', email: 'okapi@example.com' })
  things = await furnish(t as TestContext, server, owner)
  callers = await callersOf()
  untouched = await snapshot()
})

function request({ id, method, path }: Operation, { headers }: Caller, about: Things): Asked {
  const body = bodies[id]?.(things)
  return { method, path: fill(path, about), headers, ...(body !== undefined && { body }) }
}

test('every operation is in the table, and the document marks which are public', () => {
  expectComplete(rules, operations)
  for (const { id, isPublic } of operations) {
    assert.equal(isPublic, rules[id]!.needs === 'public', id)
  }
})

/** Refuses a request that would otherwise have an effect, and checks that it has none. */
async function expectRefused(operation: Operation, name: Name, [status, code]: Refusal) {
  const asked = request(operation, callers[name], things)
  const heard = await ask(server.url, asked)
  const about = `${operation.id} by ${name}: ${heard.text}`
  assert.deepEqual([heard.status, heard.code], [status, code], about)
  if (operation.method !== 'GET') return
  const head = await ask(server.url, { ...asked, method: 'HEAD' })
  assert.ok(head.status === status || head.status === 405, `HEAD: ${about} ${head.status}`)
}

for (const [id, rule] of Object.entries(rules)) {
  if (rule.needs === 'public') continue
  test(`${id} is refused without effect to callers without the right`, async () => {
    const operation = operations.find((one) => one.id === id)
    assert.ok(operation, `there is no operation ${id}`)
    for (const name of names) {
      const refusal = refusalOf(rule, callers[name])
      if (refusal) await expectRefused(operation, name, refusal)
    }
    if (operation.method !== 'GET') assert.deepEqual(await snapshot(), untouched)
  })
}

const refusals = new Set(['unauthenticated', 'forbidden', 'users_only', 'organization_missing'])
const elsewhere = new Set(['login', 'register', 'refresh', 'change_password'])

/**
 * With ids that do not exist, so that most requests find nothing. The resources that a token is for
 * exist.
 */
async function expectAllowed(operation: Operation, name: Name) {
  const caller = callers[name]
  const { org_id, session_id } = things
  const about = { ...nobodys(things), org_id, ...(caller.kind === 'token' && { session_id }) }
  const asked = request(operation, caller, about)
  // Wrong passwords are counted and have tests of their own.
  const heard = await ask(server.url, elsewhere.has(operation.id) ? { ...asked, body: {} } : asked)
  const said = `${operation.id} by ${name}: ${heard.status} ${heard.text}`
  const isAnswered = heard.status < 500 || heard.code === 'grep_busy'
  assert.ok(isAnswered && !refusals.has(heard.code ?? ''), said)
  if (rules[operation.id]!.needs === 'public') return
  assert.ok(![401, 403].includes(heard.status), said)
  const missing = heard.status === 404 && /\{\w+\}/.test(operation.path)
  const good = heard.status < 300 || missing || elsewhere.has(operation.id)
  const late = [
    'file_exists',
    'question_not_waiting',
    'tool_call_not_waiting',
    'turn_not_failed',
    'session_superseded',
    // A search on a loaded machine.
    'grep_timeout',
    'grep_busy',
  ]
  const done = late.includes(heard.code ?? '')
  assert.ok(good || done || operation.id === 'accept_invitation', said)
}

for (const [id, rule] of Object.entries(rules)) {
  // The organization is needed by the other tests; its owners delete one in
  // test/database/organization-deletion.test.ts.
  if (id === 'delete_organization') continue
  test(`${id} is open to callers with the right`, async () => {
    const operation = operations.find((one) => one.id === id)!
    const asking = rule.needs === 'public' ? (['nobody'] as const) : names
    for (const name of asking) {
      if (!refusalOf(rule, callers[name])) await expectAllowed(operation, name)
    }
  })
}

test('nodes require the operator: an administrator of the default organization', async () => {
  const admin = await signInAdmin(server)
  const { data } = expectStatus(await admin.call('GET', '/v1/durable/workers'), 200)
  const path = `/v1/durable/workers/${data[0].id}`
  const elsewhere = { 'x-org-id': owner.orgId }
  expectStatus(await admin.call('GET', '/v1/durable/workers', undefined, elsewhere), 404)
  const refused = await owner.call('POST', `${path}/drain`, undefined, elsewhere)
  expectStatus(refused, 403, 'forbidden')
  assert.equal(expectStatus(await admin.call('POST', `${path}/drain`), 200).draining, true)
  assert.equal(expectStatus(await admin.call('POST', `${path}/resume`), 200).draining, false)
  expectStatus(await admin.call('POST', '/v1/durable/workers/1/drain'), 400, 'invalid_id')
  expectStatus(await admin.call('GET', '/v1/durable/history'), 200)
  const health = '/v1/durable/health'
  assert.ok('workers' in expectStatus(await admin.call('GET', health), 200))
  const theirs = await owner.call('GET', health, undefined, elsewhere)
  assert.ok(!('workers' in expectStatus(theirs, 200)))
})

test('a session token gets the reason without the location', async () => {
  const path = `/v1/sessions/${things.session_id}/why`
  const { headers } = callers['token read']
  // A message of an earlier test may still be answered.
  const told = await eventually(async () => {
    const { text } = await ask(server.url, { method: 'GET', path, headers })
    return JSON.parse(text).state === 'idle' ? text : undefined
  })
  assert.doesNotMatch(told, /node_/)
})
