/** A turn that a budget parks or fails, for tokens that see neither amounts nor reasons. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../test/access.ts'
import { addBudget, whenParked } from '../../../test/budgets.ts'
import { beforeAll } from '../../../test/hooks.ts'
import type { Call } from '../../../test/server.ts'
import { createAgent } from '../../../test/session.ts'

const secret = /"(?:balance|limit|currency)":/
const message = 'The budget is used up.'

let call: Call
let agent: { id: string }
/** An agent whose budget fails turns. */
let failing: { id: string }

beforeAll(async (t) => {
  const server = await startGuarded(t as Parameters<typeof startGuarded>[0])
  const person = await registerPerson(server)
  const { orgId } = person
  const mine = { url: server.url, call: (await createKey(server, person)).call }
  agent = await createAgent(mine)
  await addBudget(server, { orgId, limit: 1, subject: ['agent', agent.id] })
  failing = await createAgent(mine, { name: 'Bob' })
  const spent = { orgId, limit: 1, subject: ['agent', failing.id] as [string, string] }
  await addBudget(server, { ...spent, on_exhausted: 'fail' })
  const grants = { user: 'eve', access: 'write', view: 'chat' }
  const { token } = expectStatus(await mine.call('POST', '/v1/tokens', grants), 201)
  call = callerWith(server.url, `Bearer ${token}`)
})

const text = 'Hello'

/** The text of a stream, which must end. */
const streamed = async (path: string, body: object) =>
  expectStatus(await call('POST', path, body), 200) as string

test('its events say that it waits, without amounts', async () => {
  const session = expectStatus(await call('POST', '/v1/sessions', { agent_id: agent.id }), 201)
  const wanted = { message: { content: [{ type: 'text', text }] } }
  expectStatus(await call('POST', `/v1/sessions/${session.id}/messages`, wanted), 201)
  const { budget_id } = (await whenParked({ call } as never, session.id)) as { budget_id: string }
  const { data } = expectStatus(await call('GET', `/v1/sessions/${session.id}/events`), 200)
  const found = data.find(({ type }: { type: string }) => type === 'budget.exhausted')
  assert.deepEqual(found.data, { budget_id, message })
})

test('a stream of the AI SDK ends, and its messages are those of the log', async () => {
  const path = `/v1/ai-sdk/agents/${agent.id}/chat`
  const messages = [{ id: 'm1', role: 'user', parts: [{ type: 'text', text }] }]
  const stream = await streamed(path, { id: 'unpaid', messages })
  assert.match(stream, /"data-outlast-wait".*"finishReason":"other".*\[DONE\]\n\n$/s)
  assert.doesNotMatch(stream, secret)
  const body = expectStatus(await call('GET', `${path}/unpaid/messages`), 200)
  assert.equal(body.status, 'waiting')
  const part = body.messages.at(-1).parts.at(-1)
  assert.deepEqual(
    [part.type, part.data],
    ['data-outlast-wait', { type: 'budget', over: false, message }],
  )
})

test('a run of AG-UI ends with an interrupt', async () => {
  const messages = [{ id: 'm1', role: 'user', content: text }]
  const run = { threadId: 'unpaid run', runId: 'run-1', protocolVersion: '1.0', messages }
  const stream = await streamed(`/v1/ag-ui/agents/${agent.id}`, run)
  assert.match(stream, /"type":"RUN_FINISHED".*"reason":"outlast:budget"/)
})

test('requests of the APIs of OpenAI end', async () => {
  const model = agent.id
  const answer = await call('POST', '/openai/v1/responses', { model, input: text })
  assert.equal(answer.body.error.code, 'budget_wait')
  const chat = { model, messages: [{ role: 'user', content: text }] }
  const completion = await call('POST', '/openai/v1/chat/completions', chat)
  assert.equal(completion.body.error.code, 'budget_wait')
})

test('a turn that its budget fails ends as failed in all protocols', async () => {
  const messages = [{ id: 'm1', role: 'user', parts: [{ type: 'text', text }] }]
  const chat = await streamed(`/v1/ai-sdk/agents/${failing.id}/chat`, { id: 'broke', messages })
  assert.match(chat, /"type":"error".*"finishReason":"error".*\[DONE\]\n\n$/s)
  assert.doesNotMatch(chat, /data-outlast-wait/)
  const asked = [{ id: 'm1', role: 'user', content: text }]
  const run = { threadId: 'broke run', runId: 'run-2', protocolVersion: '1.0', messages: asked }
  const events = await streamed(`/v1/ag-ui/agents/${failing.id}`, run)
  assert.match(events, /"type":"RUN_ERROR".*"code":"budget_exhausted"/)
  assert.doesNotMatch(events, /outlast:budget/)
  const model = failing.id
  const answer = await call('POST', '/openai/v1/responses', { model, input: text })
  const { status, error, outlast } = expectStatus(answer, 200)
  assert.deepEqual([status, error.code], ['failed', 'budget_exhausted'])
  const { body } = await call('GET', `/v1/sessions/${outlast.session_id}/events`)
  const found = body.data.find(({ type }: { type: string }) => type === 'budget.exhausted')
  assert.equal(found.data.is_final, true)
  assert.deepEqual(Object.keys(found.data).toSorted(), ['budget_id', 'is_final', 'message'])
  const completion = await call('POST', '/openai/v1/chat/completions', { model, messages: asked })
  assert.deepEqual([completion.status, completion.body.error.code], [502, 'budget_exhausted'])
})
