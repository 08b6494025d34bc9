import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { startServer } from '../../../../apps/server/test/server.ts'
import { createOutlast, isOutlastError, type NewAgent, type Outlast } from '../index.ts'

let url: string
let outlast: Outlast

beforeAll(async (t) => {
  url = (await startServer(t as TestContext)).url
  outlast = createOutlast({ url })
})

const mistyped = { name: 'Ada', system_prompt: 'You are Ada.', descripton: 'x' } as NewAgent

test('a mistyped field is refused, and nothing is stored', async () => {
  const before = (await outlast.agents.list()).total
  await assert.rejects(outlast.agents.create(mistyped), (error) => {
    assert.ok(isOutlastError(error, 'unknown_field'))
    assert.deepEqual(error.details, [
      { path: 'descripton', message: 'is not a known field. Did you mean `description`?' },
    ])
    assert.match(error.message, /Did you mean `description`\?$/)
    return true
  })
  assert.equal((await outlast.agents.list()).total, before)
})

test('the address of the server may end in /v1', async () => {
  const total = (await outlast.agents.list()).total
  for (const end of ['/v1', '/v1/', '/api/v1']) {
    assert.equal((await createOutlast({ url: url + end }).agents.list()).total, total)
  }
})

test('a client that asks for it gets warnings instead', async () => {
  const lenient = createOutlast({ url, headers: { 'Outlast-Strict': 'false' } })
  const { warnings, ...agent } = await lenient.agents.create(mistyped)
  assert.deepEqual(warnings, ['`descripton` is not a known field. Did you mean `description`?'])
  assert.deepEqual(
    { ...(await lenient.agents.get(agent.id)), usage: undefined },
    { ...agent, usage: undefined },
  )
})

test('a reason is given to all calls of the client that withReason returns, and to no other', async () => {
  const agent = await outlast.agents.create({ name: 'Ada', system_prompt: 'x' })
  const explained = outlast.withReason('Нова назва: OPS-7')
  await explained.agents.update(agent.id, { name: 'Bea' })
  await explained.withReason('Again').agents.update(agent.id, { name: 'Cleo' })
  await outlast.agents.update(agent.id, { name: 'Dora' })
  const { data } = await outlast.audit.list({ target: agent.id })
  assert.deepEqual(
    data.map(({ reason }) => reason),
    [null, 'Again', 'Нова назва: OPS-7', null],
  )
  await assert.rejects(outlast.withReason('x'.repeat(1_001)).agents.delete(agent.id), {
    code: 'invalid_change_reason',
  })
})

test('a search of events is iterated to its end, also backwards', async () => {
  const session = await outlast.sessions.create()
  for (const text of ['One', 'Two', 'Three']) await outlast.session(session.id).send(text)
  const numbers = async (query: Parameters<Outlast['events']['list']>[1]) => {
    const found: number[] = []
    for await (const { sequence } of outlast.events.list(session.id, query)) found.push(sequence!)
    return found
  }
  const all = await numbers({})
  assert.deepEqual(await numbers({ order_desc: true, limit: 7 }), all.toReversed())
  const messages = await numbers({ types: ['input.message'] })
  assert.equal(messages.length, 3)
  const { data } = await outlast.events.list(session.id, { types: ['input.message'], q: 'two' })
  assert.deepEqual(
    data.map(({ sequence }) => sequence),
    [messages[1]],
  )
  const before = await numbers({ before_sequence: messages[1]!, limit: 2 })
  assert.deepEqual(
    before.toSorted((a, b) => a - b),
    all.slice(0, messages[1]! - 1),
  )
  const anchor = (await outlast.events.list(session.id, { limit: 5 })).data[4]!
  assert.deepEqual(await numbers({ around: anchor.id, window: 1 }), [4, 5, 6])
})
