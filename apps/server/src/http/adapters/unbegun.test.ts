/** Turns that no node has begun yet, in the protocols of other clients. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { expectStatus } from '../../../test/access.ts'
import { addBudget, changeBudget, whenParked } from '../../../test/budgets.ts'
import { startServer } from '../../../test/server.ts'
import { createAgent, eventsOf } from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'

type Server = Awaited<ReturnType<typeof startServer>>

type Protocol = {
  name: string
  send: (server: Server, agent: string, text: string) => Promise<string>
  /** What the client receives at the end of a cancelled turn, and of a complete one. */
  cancelled: RegExp
  completed: RegExp
}

const textOf = async (server: Server, path: string, body: object) => {
  const answer = expectStatus(await server.call('POST', path, body), 200)
  return typeof answer === 'string' ? answer : JSON.stringify(answer)
}

const protocols: Protocol[] = [
  {
    name: 'AG-UI',
    send: (server, agent, text) =>
      textOf(server, `/v1/ag-ui/agents/${agent}`, {
        threadId: 'chat',
        runId: `run-${text}`,
        protocolVersion: '1.0',
        messages: [{ id: text, role: 'user', content: text }],
      }),
    cancelled: /"type":"RUN_FINISHED".*"outcome":\{"type":"cancelled"\}/,
    completed: /"type":"RUN_FINISHED".*"outcome":\{"type":"success"/,
  },
  {
    name: 'the AI SDK',
    send: (server, agent, text) =>
      textOf(server, `/v1/ai-sdk/agents/${agent}/chat`, {
        id: 'chat',
        messages: [{ id: text, role: 'user', parts: [{ type: 'text', text }] }],
      }),
    cancelled: /"type":"abort"/,
    completed: /"type":"finish"/,
  },
  ...[true, false].map((stream) => ({
    name: `OpenAI Responses${stream ? ', streamed' : ''}`,
    send: async (server: Server, agent: string, text: string) => {
      const conversation = conversations.get(server) ?? (await converse(server))
      return textOf(server, '/openai/v1/responses', {
        model: agent,
        input: text,
        conversation,
        stream,
      })
    },
    cancelled: /"status":"cancelled"/,
    completed: /"status":"completed"/,
  })),
]

const conversations = new WeakMap<Server, string>()

async function converse(server: Server): Promise<string> {
  const { id } = expectStatus(await server.call('POST', '/openai/v1/conversations', {}), 200)
  conversations.set(server, id)
  return id
}

/** A node that accepts messages and runs no turns. */
const startApi = (t: TestContext) => startServer(t, { env: { ROLE: 'api' } })

const inputsOf = async (server: Server) => {
  const { data } = expectStatus(await server.call('GET', '/v1/sessions'), 200)
  const [session] = data
  if (!session) return { id: '', count: 0 }
  const inputs = await eventsOf(server, session.id, '?types=input.message')
  return { id: session.id as string, count: inputs.length }
}

const untilInputs = (server: Server, count: number) =>
  eventually(async () => {
    const found = await inputsOf(server)
    return found.count === count && found.id
  })

for (const { name, send, cancelled, completed } of protocols) {
  test(`${name}: a turn that is cancelled before it begins ends the response`, async (t) => {
    const server = await startApi(t)
    const agent = await createAgent(server)
    const answer = send(server, agent.id, 'one')
    const id = await untilInputs(server, 1)
    expectStatus(await server.call('POST', `/v1/sessions/${id}/cancel`), 200)
    assert.match(await answer, cancelled)
  })

  test(`${name}: two messages before a turn begins are both answered`, async (t) => {
    const server = await startApi(t)
    const agent = await createAgent(server)
    const answers = [send(server, agent.id, 'one')]
    await untilInputs(server, 1)
    answers.push(send(server, agent.id, 'two'))
    await untilInputs(server, 2)
    await startServer(t, { databaseUrl: server.databaseUrl })
    for (const answer of await Promise.all(answers)) assert.match(answer, completed)
  })
}

for (const stream of [true, false]) {
  test(`Chat Completions${stream ? ', streamed' : ''}: a turn that is cancelled before it begins ends the response`, async (t) => {
    const server = await startApi(t)
    const agent = await createAgent(server)
    const messages = [{ role: 'user', content: 'Hello.' }]
    const body = { model: agent.id, messages, stream }
    const answer = server.call('POST', '/openai/v1/chat/completions', body)
    const id = await untilInputs(server, 1)
    expectStatus(await server.call('POST', `/v1/sessions/${id}/cancel`), 200)
    const { status, body: text } = await answer
    assert.equal(status, 200)
    assert.match(JSON.stringify(text), /finish_reason\\*":\\*"stop/)
  })
}

test('the AI SDK: a queued message whose turn is cancelled before it begins keeps its place', async (t) => {
  const server = await startApi(t)
  const agent = await createAgent(server)
  const about = { agent_id: agent.id, key: 'chat' }
  const { id } = expectStatus(await server.call('POST', '/v1/sessions', about), 201)
  const post = async (text: string) => {
    const body = { message: { content: [{ type: 'text', text }] }, on_busy: 'queue' }
    expectStatus(await server.call('POST', `/v1/sessions/${id}/messages`, body), 201)
  }
  await post('one')
  await post('two')
  await eventually(async () => {
    await server.call('POST', `/v1/sessions/${id}/cancel`)
    return (await eventsOf(server, id, '?types=turn.cancelled')).length === 2
  })
  await post('three')
  await startServer(t, { databaseUrl: server.databaseUrl })
  const path = `/v1/ai-sdk/agents/${agent.id}/chat/chat/messages`
  type Shown = { role: string; parts: { text: string }[] }
  const shown: Shown[] = await eventually(async () => {
    const { status, messages } = expectStatus(await server.call('GET', path), 200)
    return status === 'idle' ? messages : undefined
  })
  const asked = shown.slice(0, 3).map(({ role, parts }) => `${role}: ${parts[0]!.text}`)
  assert.deepEqual(asked, ['user: one', 'user: two', 'user: three'])
  assert.deepEqual(
    shown.slice(3).map(({ role }) => role),
    ['assistant'],
  )
})

test('OpenAI Responses: a cancel before the turn begins ends it, and only its own', async (t) => {
  const server = await startApi(t)
  const agent = await createAgent(server)
  const conversation = await converse(server)
  const respond = async (input: string) => {
    const body = { model: agent.id, input, conversation, background: true }
    return expectStatus(await server.call('POST', '/openai/v1/responses', body), 200)
  }
  const cancel = (id: string) => server.call('POST', `/openai/v1/responses/${id}/cancel`)
  const [first, second] = [await respond('one'), await respond('two')]
  const early = await cancel(second.id)
  assert.deepEqual([early.status, early.body.error.code], [409, 'session_not_idle'])
  for (const { id } of [first, second]) {
    assert.equal(expectStatus(await cancel(id), 200).status, 'cancelled')
  }
  await startServer(t, { databaseUrl: server.databaseUrl })
  const { outlast } = await respond('three')
  await eventually(async () => {
    const ends = await eventsOf(server, outlast.session_id, '?types=turn.completed')
    return ends.length === 1
  })
  const calls = await eventsOf(server, outlast.session_id, '?types=output.message.started')
  assert.equal(calls.length, 1)
})

test('OpenAI Responses: a response waits for no budget after a cancelled turn that did', async (t) => {
  const server = await startApi(t)
  const { databaseUrl } = server
  const { id: model } = await createAgent(server)
  const budget = await addBudget(server, { limit: 1, subject: ['agent', model] })
  const conversation = await converse(server)
  const respond = (input: string, background: boolean) =>
    server.call('POST', '/openai/v1/responses', { model, input, conversation, background })
  const { outlast } = expectStatus(await respond('one', true), 200)
  const worker = await startServer(t, { databaseUrl })
  await whenParked(server, outlast.session_id)
  await worker.stop()
  expectStatus(await server.call('POST', `/v1/sessions/${outlast.session_id}/cancel`), 200)
  await changeBudget(server, budget, 'limit_amount = 1000000')
  const answer = respond('two', false)
  await untilInputs(server, 2)
  await startServer(t, { databaseUrl })
  assert.equal(expectStatus(await answer, 200).status, 'completed')
})
