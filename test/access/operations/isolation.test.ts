/** An operation answers for a resource of another organization as for one that does not exist. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  createKey,
  expectStatus,
  type Person,
  registerPerson,
  startGuarded,
} from '../../../apps/server/test/access.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { createSession, eventsOf, post, scripted } from '../../../apps/server/test/session.ts'
import { follow } from '../../../apps/server/test/stream.ts'
import { type Attempt, missing, type Row } from './attempt-rows.ts'
import { table } from './attempts.ts'
import { bodies, type Things } from './bodies.ts'
import { forTokens, operatorsOnly, unprepared, unsuccessful } from './operation-sets.ts'
import {
  type Asked,
  anonymous,
  ask,
  doorsTo,
  expectComplete,
  fill,
  furnish,
  listsIn,
  nobodys,
  type Operation,
  operationsOf,
  snapshotOf,
  unlimited,
} from './operations.ts'
import { projectWith } from './product.ts'

type Kind = 'user' | 'product' | 'key' | 'token' | 'nobody'
type Caller = { kind: Kind; headers: Record<string, string> }

let server: Awaited<ReturnType<typeof startGuarded>>
let operations: Operation[]
let owner: Person
let theirs: Things
let thief: Person
let own: Things
let unknown: Things
let callers: Caller[]
/** Responses to the other organization's owner at the beginning. */
let untouched: Record<string, string>
/** Ids and texts that only the other organization has. */
let traces: string[]

const idPattern = /[a-z]+_[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g
const idsIn = (texts: Record<string, string>) =>
  new Set(Object.values(texts).flatMap((text) => text.match(idPattern) ?? []))

const register = (name: string) =>
  registerPerson(server, { name, email: `${name}.owner@example.com` })

beforeAll(async (t) => {
  const verify = () => ({ user: 'walrus', role: 'owner' as const, organization: thief.orgId })
  server = await startGuarded(t as TestContext, { env: unlimited, project: projectWith(verify) })
  operations = await operationsOf(server)
  thief = await register('walrus')
  own = await furnish(t as TestContext, server, thief)
  // Read before the other organization exists: the initial resources of both are not a leak.
  const known = idsIn(await snapshotOf(server, operations, { person: thief, things: own }))
  owner = await register('zebra')
  theirs = await furnish(t as TestContext, server, owner)
  unknown = nobodys(theirs)
  untouched = await snapshotOf(server, operations, { person: owner, things: theirs })
  const foreign = [...idsIn(untouched)].filter((id) => !known.has(id))
  traces = [theirs.word, theirs.invitation_token, theirs.key_id, ...foreign]
  const { key } = await createKey(server, thief)
  const grants = { access: 'write', tool_results: ['any'], view: 'full', files: 'write' }
  const made = await thief.call('POST', `/v1/sessions/${own.session_id}/tokens`, grants)
  callers = [
    { kind: 'key', headers: { authorization: key } },
    { kind: 'user', headers: { authorization: thief.bearer } },
    { kind: 'product', headers: { authorization: 'Product walrus' } },
    { kind: 'token', headers: { authorization: `Bearer ${expectStatus(made, 201).token}` } },
  ]
})

const expectUntouched = async () =>
  assert.deepEqual(
    await snapshotOf(server, operations, { person: owner, things: theirs }),
    untouched,
    'a resource of the other organization was changed',
  )

/** Contract: may repeat the ids of the request, and nothing else of the other organization. */
function expectNoTrace(text: string, asked: Asked) {
  const said = JSON.stringify(asked)
  const found = traces.filter((trace) => text.includes(trace) && !said.includes(trace))
  assert.deepEqual(found, [], text)
}

function request({ path, method }: Operation, attempt: Omit<Attempt, 'answer'>, things: Things) {
  const { query, body, headers = {} } = attempt
  const filled = fill(path, attempt.path ?? things, query)
  return { method, path: filled, headers, ...(body !== undefined && { body }) }
}

/** Contract: the organization is checked before the kind of caller. */
function expected({ id, path }: Operation, { kind }: Caller, { answer, path: own }: Attempt) {
  const elsewhere = path.includes('{org_id}') && own?.org_id !== thief.orgId
  const can = kind === 'token' ? forTokens.has(id) : kind === 'user' || !table[id]!.usersOnly
  const allowed = elsewhere || can
  return allowed ? answer : ([403, kind === 'product' ? 'account_required' : 'users_only'] as const)
}

type Pair = { foreign: Asked; never: Asked }

/** Tries every operation. Contract: fails unless foreign and missing resources look the same. */
async function compare(
  { foreign, never }: Pair,
  [status, code]: readonly [number, string?],
  empty = false,
) {
  for (const [index, path] of doorsTo(foreign.path).entries()) {
    const asked = { ...foreign, path }
    const heard = await ask(server.url, asked)
    const about = `${asked.method} ${path} ${JSON.stringify(asked.body ?? '')}: ${heard.text}`
    assert.equal(heard.status, status, about)
    assert.equal(heard.code, code, about)
    expectNoTrace(heard.text, asked)
    if (empty && status === 200) assert.match(heard.text, /^$|^\[\]$|^\{"data":\[\],"total":0,/)
    const same = await ask(server.url, { ...never, path: doorsTo(never.path)[index]! })
    assert.equal(same.status, status, about)
    assert.equal(anonymous(heard.text, theirs), anonymous(same.text, unknown))
  }
}

async function attempt(operation: Operation, row: Row) {
  const asking = operation.isPublic ? [{ kind: 'nobody' as const, headers: {} }] : callers
  for (const caller of asking) {
    const nevers = row.attempts(unknown, own)
    for (const [index, foreign] of row.attempts(theirs, own).entries()) {
      const by = (asked: Asked) => ({ ...asked, headers: { ...asked.headers, ...caller.headers } })
      await compare(
        {
          foreign: by(request(operation, foreign, theirs)),
          never: by(request(operation, nevers[index]!, unknown)),
        },
        expected(operation, caller, foreign),
        foreign.empty,
      )
    }
  }
}

/** Names the other organization in a request that is valid for the caller's own. */
async function nameOrganization(operation: Operation) {
  const body = bodies[operation.id]?.(own)
  const inPath = operation.path.includes('{org_id}')
  const naming = (things: Things) =>
    inPath
      ? [{ path: things, headers: { 'x-org-id': own.org_id } }]
      : [
          { path: own, headers: { 'x-org-id': things.org_id } },
          { path: own, query: `org_id=${things.org_id}` },
        ]
  for (const { headers } of callers) {
    const [foreign, never] = [theirs, unknown].map((things) =>
      naming(things).map((way): Asked => {
        const asked = request(operation, { ...way, ...(body !== undefined && { body }) }, things)
        return { ...asked, headers: { ...asked.headers, ...headers } }
      }),
    )
    for (const [index, one] of foreign!.entries()) {
      await compare({ foreign: one, never: never![index]! }, missing)
    }
  }
}

test('every operation is in the table', () => {
  expectComplete(table, operations)
  for (const [id, { attempts, because }] of Object.entries(table)) {
    assert.ok(because || attempts(theirs, own).length > 0, `${id} has no attempt and no reason`)
  }
})

for (const [id, row] of Object.entries(table)) {
  test(`${id}: ${row.because ?? 'returns nothing of the other organization'}`, async () => {
    const operation = operations.find((one) => one.id === id)
    assert.ok(operation, `there is no operation ${id}`)
    await attempt(operation, row)
    if (!operation.isPublic && !operation.isOfChannel) await nameOrganization(operation)
    if (operation.method !== 'GET') await expectUntouched()
  })
}

test('responses about the caller’s own resources hold nothing of the other organization', async () => {
  const seen = await snapshotOf(server, operations, { person: thief, things: own })
  for (const [id, text] of Object.entries(seen)) expectNoTrace(text, { method: 'GET', path: id })
})

test('totals count only the caller’s organization', async () => {
  const pageMax = 100
  const lists = listsIn(operations)
  assert.ok(lists.length > 0)
  for (const { id, path } of lists) {
    const page = async (query: string) =>
      expectStatus(await thief.call('GET', fill(path, own, query)), 200)
    // Refused requests are in the audit log too: more than a page of them by now.
    const some = id === 'list_audit_log' ? '&action=create_agent' : ''
    const { data, total } = await page(`limit=${pageMax}${some}`)
    assert.ok(total < pageMax, `${id}: too many to count here`)
    assert.equal(total, data.length, id)
    assert.equal((await page(`limit=1${some}`)).total, total, id)
  }
})

test('ids are per organization: two organizations may use the same id for different resources', async () => {
  const third = await register('vole')
  const { agent_id } = theirs
  const path = `/v1/agents/${agent_id}`
  const mine = { id: agent_id, name: 'Mine', system_prompt: 'Mine.' }
  for (const [method, at] of [
    ['PUT', path],
    ['POST', '/v1/agents'],
  ] as const) {
    assert.deepEqual(
      [await third.call(method, at, mine), await third.call(method, at, mine)].map(
        ({ status }) => status,
      ),
      method === 'PUT' ? [201, 200] : [200, 200],
    )
    assert.equal(expectStatus(await third.call('GET', path), 200).name, 'Mine')
    await expectUntouched()
  }
  const session = expectStatus(await third.call('POST', '/v1/sessions', { agent_id }), 201)
  const { body } = await third.call('GET', `/v1/sessions?agent_id=${agent_id}`)
  assert.deepEqual([body.total, body.data[0].id], [1, session.id])
  expectStatus(await third.call('PATCH', path, { name: 'Changed' }), 200)
  expectStatus(await third.call('DELETE', path), 204)
  await expectUntouched()
})

test('initial resources have the same ids in every organization and belong to each of them', async () => {
  const third = await register('otter')
  for (const [list, name, of] of [
    ['/v1/agents', 'name', (id: string) => `/v1/sessions?limit=100&agent_id=${id}`],
    ['/v1/llm-models', 'display_name', (id: string) => `/v1/llm-models/${id}`],
    ['/v1/llm-providers', 'name', (id: string) => `/v1/llm-providers/${id}/models?limit=100`],
  ] as const) {
    const { data } = expectStatus(await third.call('GET', list), 200)
    assert.ok(data.length > 0)
    for (const { id } of data) {
      const held = expectStatus(await third.call('GET', of(id)), 200)
      assert.equal(held.total, held.data?.length)
      expectNoTrace(JSON.stringify(held), { method: 'GET', path: id })
      const changed = await third.call('PATCH', `${list}/${id}`, { [name]: `Ours ${id}` })
      assert.equal(expectStatus(changed, 200)[name], `Ours ${id}`)
    }
    await expectUntouched()
    for (const { id } of data) expectStatus(await third.call('DELETE', `${list}/${id}`), 204)
    await expectUntouched()
  }
})

test('changing a user in one organization changes nothing in another', async () => {
  const guest = await register('heron')
  const key = await createKey(server, guest)
  const invitation = { email: guest.email, role: 'admin' }
  const invited = await thief.call('POST', `/v1/orgs/${own.org_id}/invitations`, invitation)
  const { token } = expectStatus(invited, 201)
  expectStatus(await guest.call('POST', '/v1/invitations/accept', { token }), 200)
  const home = `/v1/orgs/${guest.orgId}`
  const before = expectStatus(await guest.call('GET', `${home}/members`), 200)
  const expectSame = async () => {
    assert.deepEqual(expectStatus(await guest.call('GET', `${home}/members`), 200), before)
    expectStatus(await guest.call('PATCH', home, { name: 'Still mine' }), 200)
    expectStatus(await key.call('GET', '/v1/audit-log'), 200)
  }
  const member = `/v1/orgs/${own.org_id}/members/${guest.id}`
  expectStatus(await thief.call('PATCH', member, { role: 'viewer' }), 200)
  await expectSame()
  expectStatus(await thief.call('DELETE', member), 204)
  await expectSame()
})

test('an Idempotency-Key of another organization replays nothing', async () => {
  const headers = { 'idempotency-key': 'the same for both' }
  const body = { agent_id: theirs.agent_id }
  const made = await owner.call('POST', '/v1/sessions', body, headers)
  expectStatus(made, 201)
  expectStatus(await thief.call('POST', '/v1/sessions', body, headers), 404, 'not_found')
  const messages = `/v1/sessions/${made.body.id}/messages`
  const message = { message: { content: [{ type: 'text', text: theirs.word }] } }
  expectStatus(await owner.call('POST', messages, message, headers), 201)
  expectStatus(await thief.call('POST', messages, message, headers), 404, 'not_found')
  expectStatus(await owner.call('DELETE', `/v1/sessions/${made.body.id}`), 204)
  untouched = await snapshotOf(server, operations, { person: owner, things: theirs })
})

test('a cookie for an organization without membership falls back to the user’s own', async () => {
  for (const { kind, headers } of callers) {
    if (kind === 'token') continue
    const cookie = `outlast_org=${theirs.org_id}`
    const asked = { method: 'GET', path: '/v1/agents', headers: { ...headers, cookie } }
    const { status, text } = await ask(server.url, asked)
    assert.equal(status, 200)
    expectNoTrace(text, asked)
    assert.ok(text.includes(own.agent_id))
  }
})

test('a message that names a model of another organization is answered by the caller’s own', async (t) => {
  const { session_id: sessionId } = own
  const mine = { call: thief.call, url: server.url }
  const headers = { authorization: thief.bearer }
  const before = (await eventsOf(mine, sessionId)).at(-1)!.sequence
  const query = `?after_sequence=${before}`
  const stream = await follow(t, server.url, { sessionId, headers, query })
  const controls = { model_id: theirs.model_id }
  expectStatus(await post(mine, sessionId, 'Hello', { controls }), 201)
  await stream.event('session.idled')
  stream.close()
  assert.ok(stream.events.some(({ type }) => type === 'output.message.completed'))
  for (const event of stream.events) {
    expectNoTrace(JSON.stringify(event), { method: 'POST', path: theirs.model_id })
  }
  const [generation] = stream.events.filter((event) => event.type === 'llm.generation')
  assert.equal(generation?.data.metadata.model, `llmsim-${own.word}`)
  await expectUntouched()
})

test('a stream reveals no events of other organizations', async (t) => {
  const stream = await follow(t, server.url, {
    sessionId: own.session_id,
    headers: { authorization: thief.bearer },
    query: '?after_sequence=0',
  })
  const elsewhere = await follow(t, server.url, {
    sessionId: theirs.session_id,
    headers: { authorization: owner.bearer },
    query: `?since_id=${theirs.event_id}`,
  })
  const inTheirs = { call: owner.call, url: server.url }
  const later = `?types=session.idled&since_id=${theirs.event_id}`
  const idleThere = (await eventsOf(inTheirs, theirs.session_id, later)).length
  expectStatus(await post(inTheirs, theirs.session_id, theirs.word), 201)
  await elsewhere.event('session.idled', idleThere + 1)
  const inOwn = { call: thief.call, url: server.url }
  const idle = (await eventsOf(inOwn, own.session_id, '?types=session.idled')).length
  expectStatus(await post(inOwn, own.session_id, own.word), 201)
  await stream.event('session.idled', idle + 1)
  for (const event of stream.events) {
    assert.equal(event.session_id, own.session_id)
    expectNoTrace(JSON.stringify(event), { method: 'POST', path: theirs.model_id })
  }
  const ids = elsewhere.events.map(({ id }) => id)
  assert.ok(ids.length > 0 && elsewhere.events.every((e) => e.session_id === theirs.session_id))
})

/** Deletions come last, dependent resources first. */
const inOrder = (one: Operation, other: Operation) => {
  const place = (operation: Operation) => {
    if (operation.id === 'delete_organization') return 3 * operations.length
    return operation.method === 'DELETE' ? 2 * operations.length - operations.indexOf(operation) : 0
  }
  return place(one) - place(other)
}

/** Applies the table's operations to the caller's own resources. */
async function doEverything(person: Person, things: Things) {
  const forOthers = new Set([...operatorsOnly, ...unsuccessful, 'accept_invitation', 'register'])
  for (const operation of operations.toSorted(inOrder)) {
    if (forOthers.has(operation.id)) continue
    for (const attempt of table[operation.id]!.attempts(things, things)) {
      const asked = request(operation, attempt, things)
      const headers = { ...asked.headers, authorization: person.bearer }
      const { status, text } = await ask(server.url, { ...asked, headers })
      const good = status < 400 || status === 409 || /"grep_(busy|timeout)"/.test(text)
      const gone = operation.method === 'DELETE' && status === 404 && attempt.path !== undefined
      const isIdle = unprepared.has(operation.id)
      assert.ok(good || gone || (isIdle && status === 404), `${operation.id}: ${status} ${text}`)
      if (attempt.empty && !isIdle) assert.doesNotMatch(text, /^$|^\{"data":\[\]/, operation.id)
    }
  }
}

test('owners may do all that was refused to others, and nothing changes elsewhere', async () => {
  untouched = await snapshotOf(server, operations, { person: owner, things: theirs })
  await doEverything(thief, own)
  await expectUntouched()
  await doEverything(owner, theirs)
})

test('turns of others do not count against the caller’s quota', async (t) => {
  const small = await startGuarded(t, { env: { QUOTA_TURNS: '1' } })
  const slow = scripted({ text: 'Later.', delay_ms: 60_000 })
  for (let organizations = 0; organizations < 2; organizations++) {
    const person = await registerPerson(small)
    const mine = { call: person.call, url: small.url }
    const [one, two] = [await createSession(mine), await createSession(mine)]
    expectStatus(await post(mine, one.id, slow), 201)
    expectStatus(await post(mine, two.id, slow), 429, 'too_many_turns')
  }
})
