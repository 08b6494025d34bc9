import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createKey, expectStatus, registerPerson, startGuarded } from '../../../../test/access.ts'
import { addBudget, assertSettled, budgetState } from '../../../../test/budgets.ts'
import { openChannel } from '../../../../test/channel.ts'
import { createSchedule, schedules, starting } from '../../../../test/schedules.ts'
import { type Call, caller, startServer } from '../../../../test/server.ts'
import { createAgent, createSession, post, scripted } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'

const costing = scripted({ text: 'Done.', usage: { input_tokens: 10, output_tokens: 5 } } as never)

test('a session counts for the key and the account that created it', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const { orgId } = person
  const [key, other] = [await createKey(server, person), await createKey(server, person)]
  const limit = 1_000_000
  const ofKey = await addBudget(server, { orgId, subject: ['api_key', key.id], limit })
  const ofOther = await addBudget(server, { orgId, subject: ['api_key', other.id], limit })
  const ofPerson = await addBudget(server, { orgId, subject: ['user', person.id], limit })
  const say = async (call: Call) => {
    const mine = { url: server.url, call }
    const session = await createSession(mine)
    await post(mine, session.id, costing)
    await eventually(async () => {
      return (await call('GET', `/v1/sessions/${session.id}`)).body.status === 'idle'
    })
  }
  const used = async (id: string) => (await budgetState(server, id)).used
  await say(key.call)
  assert.deepEqual([await used(ofKey), await used(ofOther), await used(ofPerson)], [15, 0, 15])
  await say(person.call)
  assert.deepEqual([await used(ofKey), await used(ofOther), await used(ofPerson)], [15, 0, 30])
  for (const id of [ofKey, ofOther, ofPerson]) await assertSettled(server, id)
})

test('a fork counts for its caller, a retake for the creator of its source', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const [key, other] = [await createKey(server, person), await createKey(server, person)]
  const addFor = (id: string) =>
    addBudget(server, { orgId: person.orgId, subject: ['api_key', id], limit: 1_000_000 })
  const [ofKey, ofOther] = [await addFor(key.id), await addFor(other.id)]
  const mine = { url: server.url, call: key.call }
  const { id } = await createSession(mine, { key: 'chat' })
  const made = async (how: string, body: object) =>
    expectStatus(await other.call('POST', `/v1/sessions/${id}/${how}`, body), 201)
  const budgetsOf = async (sessionId: string) => {
    const path = `/v1/sessions/${sessionId}/budgets`
    const budgets: { id: string }[] = expectStatus(await person.call('GET', path), 200)
    return budgets.map((budget) => budget.id)
  }
  assert.deepEqual(await budgetsOf(id), [ofKey])
  assert.deepEqual(await budgetsOf((await made('fork', {})).id), [ofOther])
  const message = expectStatus(await post(mine, id, costing), 201)
  await eventually(async () => {
    return (await key.call('GET', `/v1/sessions/${id}`)).body.status === 'idle'
  })
  const retake = await made('retake', { message_id: message.id })
  assert.deepEqual(await budgetsOf(retake.session.id), [ofKey])
})

test('a session of a token or a schedule counts for the key and the account that made them', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const { orgId } = person
  const key = await createKey(server, person)
  const mine = { url: server.url, call: key.call }
  const agent = await createAgent(mine)
  const limit = 1_000_000
  const ofKey = await addBudget(server, { orgId, subject: ['api_key', key.id], limit })
  const ofPerson = await addBudget(server, { orgId, subject: ['user', person.id], limit })
  const untilUsed = (tokens: number) =>
    eventually(async () => {
      const states = await Promise.all([ofKey, ofPerson].map((id) => budgetState(server, id)))
      return states.every(({ used }) => used === tokens)
    })
  const made = await key.call('POST', '/v1/tokens', { user: 'mia', access: 'write' })
  assert.equal(made.status, 201, JSON.stringify(made.body))
  const bearer = { authorization: `Bearer ${made.body.token}` }
  const mia: Call = (method, path, body) => caller(server.url)(method, path, body, bearer)
  const session = await mia('POST', '/v1/sessions', { agent_id: agent.id })
  assert.equal(session.status, 201, JSON.stringify(session.body))
  await post({ call: key.call, url: server.url }, session.body.id, costing)
  await untilUsed(15)
  const { id } = await createSchedule(mine, { target: starting(agent.id, { text: costing }) })
  await person.call('POST', `${schedules}/${id}/trigger`)
  await untilUsed(30)
})

test('a session of a channel counts for the channel and its key', async (t) => {
  const server = await startServer(t)
  const channel = await openChannel(server)
  const limit = 1_000_000
  const budgets = [
    await addBudget(server, { subject: ['agent_channel', channel.id], limit }),
    await addBudget(server, { subject: ['api_key', channel.keyId], limit }),
    await addBudget(server, { subject: ['end_user', 'ada'], limit }),
  ]
  const ada = channel.as('ada')
  await ada.say(await ada.create(), 'Hello')
  await eventually(async () => (await budgetState(server, budgets[0]!)).used > 0)
  const [ofChannel, ofKey, ofUser] = await Promise.all(budgets.map((id) => budgetState(server, id)))
  assert.equal(ofKey!.used, ofChannel!.used)
  assert.equal(ofUser!.used, 0)
})
