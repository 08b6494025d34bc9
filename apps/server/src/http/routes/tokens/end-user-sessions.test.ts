/** End users are kept apart by keys, and nothing of one is made after the own tokens have ended. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Session } from '@outlast/contract'
import pg from 'pg'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../../test/access.ts'
import { queryRows, untilLocked } from '../../../../test/database.ts'
import type { Call } from '../../../../test/server.ts'
import { createAgent, createSession } from '../../../../test/session.ts'

async function startProduct(t: TestContext) {
  const server = await startGuarded(t)
  const { call } = await createKey(server, await registerPerson(server))
  const mine = { url: server.url, call }
  const as = async (user: string, more: object = {}) => {
    const grants = { user, access: 'write', ...more }
    const { token } = expectStatus(await call('POST', '/v1/tokens', grants), 201)
    return { url: server.url, call: callerWith(server.url, `Bearer ${token}`) }
  }
  return { server, mine, agent: await createAgent(mine), as }
}

const idsOf = (answer: { data: Session[] }) => answer.data.map(({ id }) => id)

/** Begins a statement, runs `work` until it waits for a lock, and commits. */
async function whileUncommitted<T>(
  { databaseUrl }: { databaseUrl: string },
  text: string,
  work: () => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query(`begin; ${text}`)
    const result = work()
    await untilLocked(databaseUrl)
    await client.query('commit')
    return await result
  } finally {
    await client.end()
  }
}

test('a node that still trusts a revoked token creates no session with it', async (t) => {
  const { server, agent, as } = await startProduct(t)
  const ada = await as('ada')
  const create = () => ada.call('POST', '/v1/sessions', { agent_id: agent.id })
  expectStatus(await create(), 201)
  // Without its entry for the nodes, which is how late it may reach them.
  const revoked = await whileUncommitted(server, 'delete from session_tokens', create)
  expectStatus(revoked, 401, 'invalid_token')
  expectStatus(await create(), 401, 'invalid_token')
  const found = await queryRows(server.databaseUrl, 'select from sessions')
  assert.equal(found.length, 1)
})

test('a fork that begins before its source is deleted leaves nothing of the end user', async (t) => {
  const { server, agent, as } = await startProduct(t)
  const ada = await as('ada', { operations: ['create_session', 'fork_session'] })
  const { id } = await createSession(ada, { agent_id: agent.id })
  const fork = () => ada.call('POST', `/v1/sessions/${id}/fork`, {})
  expectStatus(await whileUncommitted(server, 'delete from sessions', fork), 404, 'not_found')
  assert.deepEqual(await queryRows(server.databaseUrl, 'select from sessions'), [])
})

test('a key names one session for each end user, and one for none', async (t) => {
  const { agent, mine, as } = await startProduct(t)
  const chat = { agent_id: agent.id, key: 'chat' }
  const open = async (by: { call: Call }, status: number, more: object = {}) =>
    expectStatus(await by.call('POST', '/v1/sessions', { ...chat, ...more }), status).id as string
  const none = await open(mine, 201)
  const [ofAda, ofBob] = [
    await open(mine, 201, { user: 'ada' }),
    await open(mine, 201, { user: 'bob' }),
  ]
  assert.equal(new Set([none, ofAda, ofBob]).size, 3)
  for (const [id, user] of [[none], [ofAda, 'ada'], [ofBob, 'bob']] as const) {
    assert.equal(await open(mine, 200, { user }), id)
  }
  const [ada, bob, eve] = [await as('ada'), await as('bob'), await as('eve')]
  assert.equal(await open(ada, 200), ofAda)
  assert.equal(await open(bob, 200), ofBob)
  const ofEve = await open(eve, 201)
  assert.ok(![none, ofAda, ofBob].includes(ofEve))
  const byKey = async (by: { call: Call }) =>
    idsOf(expectStatus(await by.call('GET', '/v1/sessions?key=chat'), 200))
  for (const [by, id] of [
    [ada, ofAda],
    [bob, ofBob],
    [eve, ofEve],
  ] as const) {
    assert.deepEqual(await byKey(by), [id])
  }
  assert.deepEqual((await byKey(mine)).sort(), [none, ofAda, ofBob, ofEve].sort())
})
