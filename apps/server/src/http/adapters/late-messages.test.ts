/** Messages that arrive while a turn runs or waits, in the protocols of other clients. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { expectStatus } from '../../../test/access.ts'
import { addBudget } from '../../../test/budgets.ts'
import { addVendorModel, startVendor, type VendorAnswer } from '../../../test/remotes/vendor.ts'
import { startServer } from '../../../test/server.ts'
import { createAgent, eventsOf } from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'

/** A server whose model replies when `release` is called, until `hold` is; first with `replies`. */
async function start(t: TestContext) {
  let gate = Promise.withResolvers<void>()
  const release = () => gate.resolve()
  const hold = () => {
    gate = Promise.withResolvers()
  }
  const replies: VendorAnswer[] = []
  const vendor = await startVendor(t, async ({ number }) => {
    await gate.promise
    return replies.shift() ?? { text: `Reply ${number}.` }
  })
  const server = await startServer(t)
  await addVendorModel(server, vendor)
  const agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const session = async () => (await server.call('GET', '/v1/sessions')).body.data[0]
  /** Waits until the log has events of a type. */
  const until = (type: string, count: number) =>
    eventually(async () => {
      const { id = '' } = (await session()) ?? {}
      return id !== '' && (await eventsOf(server, id, `?types=${type}`)).length === count
    })
  const send = async (path: string, body: object) =>
    expectStatus(await server.call('POST', path, body), 200)
  const unpaidChat = (text: string): Promise<string> =>
    send(`/v1/ai-sdk/agents/${agent.id}/chat`, {
      id: 'unpaid',
      messages: [{ id: text, role: 'user', parts: [{ type: 'text', text }] }],
    })
  return { vendor, replies, server, agent, release, hold, session, until, send, unpaidChat }
}

/** A stream of the AI SDK that ends with a wait. */
const waits = /"type":"data-outlast-wait".*"status":"waiting".*\[DONE\]\n\n$/s

/** The texts of a stream of AG-UI or the AI SDK. */
const textsIn = (stream: string) =>
  stream
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice('data: '.length)))
    .map(({ type, delta }) => (textTypes.includes(type) ? delta : ''))
    .join('')

const textTypes = ['TEXT_MESSAGE_CONTENT', 'text-delta']

test('AG-UI: the runs of two messages that are too late have the answer to both', async (t) => {
  const { agent, release, until, send } = await start(t)
  const run = (text: string) =>
    send(`/v1/ag-ui/agents/${agent.id}`, {
      threadId: 'chat',
      runId: `run-${text}`,
      protocolVersion: '1.0',
      messages: [{ id: text, role: 'user', content: text }],
    })
  const runs = [run('one')]
  await until('output.message.started', 1)
  runs.push(run('two'))
  await until('input.message', 2)
  runs.push(run('three'))
  await until('input.message', 3)
  release()
  const [first, ...late] = (await Promise.all(runs)).map(textsIn)
  assert.equal(first, 'Reply 1.')
  for (const text of late) assert.equal(text, 'Reply 1.Reply 2.')
})

test('an edit of a message that waited keeps the answer to the message before', async (t) => {
  const { vendor, agent, release, until, send } = await start(t)
  const chat = (id: string, text: string, more: object = {}) =>
    send(`/v1/ai-sdk/agents/${agent.id}/chat`, {
      id: 'chat',
      messages: [{ id, role: 'user', parts: [{ type: 'text', text }] }],
      ...more,
    })
  const run = (id: string, text: string) =>
    send(`/v1/ag-ui/agents/${agent.id}`, {
      threadId: 'chat',
      runId: text,
      protocolVersion: '1.0',
      messages: [{ id, role: 'user', content: text }],
    })
  const sent = [chat('m1', 'one')]
  await until('output.message.started', 1)
  sent.push(chat('m2', 'two'))
  await until('input.message', 2)
  release()
  await Promise.all(sent)
  assert.equal(textsIn(await chat('m2', 'deux', { messageId: 'm2' })), 'Reply 3.')
  assert.equal(textsIn(await run('m2', 'dos')), 'Reply 4.')
  const asked = vendor.requests.at(-1)!.body.messages.slice(1)
  assert.deepEqual(
    asked.map(({ content }) => content),
    ['one', 'Reply 1.', 'dos'],
  )
})

test('OpenAI Responses: a response that another one followed in its queue continues in a fork', async (t) => {
  const { vendor, agent, release, until, send } = await start(t)
  const respond = (input: string, more: object = {}) =>
    send('/openai/v1/responses', { model: agent.id, input, ...more })
  const first = await respond('one', { background: true })
  await until('output.message.started', 1)
  const previous = { previous_response_id: first.id }
  const second = respond('two', previous)
  await until('input.message', 2)
  release()
  assert.equal((await second).outlast.session_id, first.outlast.session_id)
  const third = await respond('three', previous)
  assert.notEqual(third.outlast.session_id, first.outlast.session_id)
  const asked = JSON.stringify(vendor.requests.at(-1)!.body.messages)
  assert.match(asked, /Reply 1\./)
  assert.doesNotMatch(asked, /Reply 2\./)
})

test('requests end whose message is behind a turn that waits for a budget', async (t) => {
  const { server, agent, release, send, unpaidChat } = await start(t)
  release()
  await addBudget(server, { limit: 1, subject: ['agent', agent.id] })
  assert.match(await unpaidChat('one'), waits)
  const second = await unpaidChat('two')
  assert.match(second, waits)
  assert.doesNotMatch(second, /"type":"start"/)
  const { id: conversation } = await send('/openai/v1/conversations', {})
  for (const input of ['one', 'two']) {
    const body = { model: agent.id, input, conversation }
    const answer = await server.call('POST', '/openai/v1/responses', body)
    assert.deepEqual([answer.status, answer.body.error?.code], [429, 'budget_wait'], input)
  }
})

test('requests end when the turn before their message begins to wait for a budget', async (t) => {
  const { vendor, replies, server, agent, release, send, unpaidChat } = await start(t)
  const run = (text: string): Promise<string> =>
    send(`/v1/ag-ui/agents/${agent.id}`, {
      ...{ threadId: 'unpaid run', runId: text },
      messages: [{ id: text, role: 'user', content: text }],
    })
  const { id: conversation } = await send('/openai/v1/conversations', {})
  const respond = (input: string) =>
    server.call('POST', '/openai/v1/responses', { model: agent.id, input, conversation })
  const sent = async (count: number) => {
    const { data } = expectStatus(await server.call('GET', '/v1/sessions'), 200)
    const inputs = data.map(({ id }: { id: string }) =>
      eventsOf(server, id, '?types=input.message'),
    )
    return (await Promise.all(inputs)).flat().length === count
  }
  const first = [unpaidChat('one'), respond('one'), run('one')] as const
  await eventually(async () => vendor.requests.length === 3)
  const second = [unpaidChat('two'), respond('two'), run('two')] as const
  await eventually(() => sent(6))
  const calls = [{ name: 'add', arguments: { a: 1, b: 2 } }]
  replies.push({ calls }, { calls }, { calls })
  await addBudget(server, { limit: 1, subject: ['agent', agent.id] })
  release()
  for (const [stream, answer, events] of [first, second]) {
    assert.match(await stream, waits)
    const { status, body } = await answer
    assert.deepEqual([status, body.error?.code], [429, 'budget_wait'])
    assert.match(await events, /"outcome":\{"type":"interrupt".*"reason":"outlast:budget"/)
  }
  // A repeat of a message ends too.
  const again = await unpaidChat('two')
  assert.match(again, waits)
  assert.doesNotMatch(again, /"type":"start"/)
})

test('the AI SDK: a repeated regenerate attaches to the answer that the first one began', async (t) => {
  const { server, agent, release, hold, session, until } = await start(t)
  const begin = async (id: string, more: object = {}) => {
    const messages = [{ id, role: 'user', parts: [{ type: 'text', text: id }] }]
    const stream = await fetch(`${server.url}/v1/ai-sdk/agents/${agent.id}/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: 'chat', messages, ...more }),
    })
    assert.equal(stream.status, 200)
    return stream
  }
  const chat = async (id: string, more?: object) => (await begin(id, more)).text()
  const sent = [chat('m1')]
  await until('output.message.started', 1)
  for (const id of ['m2', 'm3']) {
    sent.push(chat(id))
    await until('input.message', sent.length)
  }
  release()
  const [, second] = await Promise.all(sent)
  const { messageId } = JSON.parse(/{"type":"start".*}/.exec(second!)![0])
  hold()
  const again = { trigger: 'regenerate-message', messageId }
  const first = chat('m2', again)
  await until('turn.started', 2)
  const { id } = await session()
  const repeat = await begin('m2', again)
  assert.equal((await session()).id, id)
  release()
  assert.equal(textsIn(await repeat.text()), textsIn(await first))
})
