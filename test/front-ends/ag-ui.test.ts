import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startModel } from '../../apps/server/test/remotes/written-model.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, eventsOf, scripted } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import {
  agUiClient,
  loggedMessages,
  type Protocol,
  protocols,
  sessionOf,
  shownMessages,
  type WireEvent,
} from './ag-ui-agent.ts'

let server: Awaited<ReturnType<typeof startServer>>
let agentId: string
let threads = 0

beforeAll(async (t) => {
  server = await startServer(t)
  const capabilities = [
    { ref: 'test_math' },
    { ref: 'ask_user' },
    { ref: 'session_file_system', config: { requires_approval: ['write_file'] } },
  ]
  agentId = (await createAgent(server, { capabilities })).id
})

function open(protocol: Protocol, fields: object = {}) {
  threads += 1
  const threadId = `thread ${threads} ü`
  return { threadId, ...agUiClient(protocol, { url: server.url, agentId, threadId, ...fields }) }
}

const user = (content: string, id: string = crypto.randomUUID()) => ({
  id,
  role: 'user' as const,
  content,
})
type Opened = ReturnType<typeof open>

/** The messages of a client must be those of the log. */
async function assertLogged({ client, threadId }: Opened) {
  const session = await sessionOf(server.call, threadId)
  assert.deepEqual(shownMessages(client), await loggedMessages(server.call, session.id))
  return session
}

const last = ({ events }: Opened) => events.at(-1)!

const write = { name: 'write_file', arguments: { path: '/a.md', content: 'A' } }

for (const protocol of Object.keys(protocols) as Protocol[]) {
  const isCurrent = protocol === '1.0'

  test(`${protocol}: a message, its reasoning, text and tools`, async () => {
    const opened = open(protocol)
    const { client } = opened
    const script = scripted(
      {
        thinking: 'Hm. Add.',
        text: 'I add.',
        tool_calls: [{ name: 'add', arguments: { a: 1, b: 2 } }],
      },
      { text: 'It is 3.' },
    )
    client.messages.push(user(script))
    await client.runAgent()
    await assertLogged(opened)
    assert.equal(opened.events[0]!.protocolVersion, isCurrent ? '1.0' : undefined)
    client.messages.push(user(scripted({ text: 'Second.' })))
    await client.runAgent()
    await assertLogged(opened)
  })

  test(`${protocol}: approves a call, with other arguments, and denies one`, async () => {
    const opened = open(protocol)
    const { client } = opened
    const call = { ...write, id: 'call_w' }
    const other = { name: 'write_file', arguments: { path: '/b.md', content: 'B' }, id: 'call_x' }
    client.messages.push(user(scripted({ tool_calls: [call, other] }, { text: 'Done.' })))
    await client.runAgent()
    await assertLogged(opened)
    const [first, second] = client.pendingInterrupts
    const editedArgs = { path: '/c.md', content: 'C' }
    await client.runAgent({
      resume: [
        { interruptId: first!.id, status: 'resolved', payload: { approved: true, editedArgs } },
        { interruptId: second!.id, status: 'cancelled' },
      ],
    })
    await assertLogged(opened)
    assert.deepEqual(client.pendingInterrupts, [])
  })

  test(`${protocol}: answers a question`, async () => {
    const opened = open(protocol)
    const { client } = opened
    const questions = [
      {
        id: 'q1',
        kind: 'choice',
        question: 'Which color?',
        options: [{ label: 'Red' }, { label: 'Blue' }],
      },
      { id: 'q2', kind: 'number', question: 'How many?' },
    ]
    const call = { name: 'ask_user', arguments: { questions }, id: 'call_q' }
    client.messages.push(user(scripted({ tool_calls: [call] }, { text: 'Done.' })))
    await client.runAgent()
    await assertLogged(opened)
    const [asked] = client.pendingInterrupts
    await client.runAgent({
      resume: [{ interruptId: asked!.id, status: 'resolved', payload: { q1: 'Blue', q2: 3 } }],
    })
    await assertLogged(opened)
  })

  test(`${protocol}: runs a tool of the client`, async () => {
    const opened = open(protocol)
    const { client } = opened
    const tools = [{ name: 'pick', description: 'Picks.', parameters: { type: 'object' } }]
    const call = { name: 'pick', arguments: { a: 1 }, id: 'call_p' }
    client.messages.push(user(scripted({ text: 'Pick!', tool_calls: [call] }, { text: 'Done.' })))
    await client.runAgent({ tools })
    await assertLogged(opened)
    client.messages.push({
      id: 'mine',
      role: 'tool',
      toolCallId: 'call_p',
      content: '{"picked":2}',
    })
    await client.runAgent({ tools })
    await assertLogged(opened)
    assert.ok(client.messages.some(({ id }) => id === 'mine'))
  })

  test(`${protocol}: the model reads the state, and changes it with a tool of the client`, async () => {
    const opened = open(protocol)
    const { client } = opened
    const tools = [{ name: 'set_state', description: 'Sets it.', parameters: { type: 'object' } }]
    const draft = { title: 'Draft of a plan', steps: ['first'] }
    client.setState(draft)
    const change = { title: 'A plan', steps: ['first', 'second'] }
    const call = { name: 'set_state', arguments: change, id: 'call_s' }
    client.messages.push(user(scripted({ tool_calls: [call] }, { text: 'Done.' })))
    await client.runAgent({ tools })
    assert.deepEqual(client.state, draft)
    const asked = client.messages.flatMap((one) => ('toolCalls' in one && one.toolCalls) || [])
    client.setState(JSON.parse(asked[0]!.function.arguments))
    client.messages.push({ id: 'set', role: 'tool', toolCallId: 'call_s', content: 'Set.' })
    await client.runAgent({ tools })
    client.messages.push(user(scripted({ text: 'Two steps.' })))
    await client.runAgent()
    assert.deepEqual(client.state, change)
    assert.deepEqual(
      opened.events.filter(({ type }) => type.startsWith('STATE_')),
      [],
    )
    const { id } = await assertLogged(opened)
    const events = await eventsOf(server, id)
    const facts = events.flatMap(({ type, data }) =>
      type === 'input.message' ? [data.message.context?.map(({ value }) => value)] : [],
    )
    assert.deepEqual(facts, [[draft], [change]])
    const prompts = events.flatMap(({ type, data }) =>
      type === 'llm.generation' ? [JSON.stringify(data)] : [],
    )
    assert.match(prompts[0]!, /Draft of a plan/)
    assert.doesNotMatch(prompts.at(-1)!, /Draft of a plan/)
  })

  test(`${protocol}: a repeated run is sent again, and none of its messages twice`, async () => {
    const opened = open(protocol)
    const { client } = opened
    const add = { name: 'add', arguments: { a: 1, b: 2 } }
    client.messages.push(user(scripted({ text: 'I add.', tool_calls: [add] }, { text: 'Three.' })))
    await client.runAgent({ runId: 'run-1' })
    await client.runAgent({ runId: 'run-1' })
    const session = await assertLogged(opened)
    const inputs = await eventsOf(server, session.id, '?types=input.message')
    assert.equal(inputs.length, 1)
  })

  test(`${protocol}: an error of the model ends the run, and the next run works`, async () => {
    const opened = open(protocol)
    const { client } = opened
    const error = { message: 'No.', status: 400 }
    client.messages.push(user(scripted({ error })))
    await client.runAgent()
    await opened.received()
    assert.deepEqual([last(opened).type, last(opened).code], ['RUN_ERROR', 'llm_error'])
    await assertLogged(opened)
    client.messages.push(user(scripted({ text: 'Yes.' })))
    await client.runAgent()
    await assertLogged(opened)
  })

  test(`${protocol}: regenerates an answer, and edits a message`, async () => {
    const opened = open(protocol)
    const { client, threadId } = opened
    client.messages.push(user(scripted({ text: 'First.' }), 'm1'))
    await client.runAgent()
    const before = await sessionOf(server.call, threadId)
    client.setMessages(client.messages.slice(0, 1))
    await client.runAgent()
    const again = await assertLogged(opened)
    assert.notEqual(again.id, before.id)
    client.setMessages([user(scripted({ text: 'Edited.' }), 'm1')])
    await client.runAgent()
    const session = await sessionOf(server.call, threadId)
    assert.equal(shownMessages(client).at(-1)!.content, 'Edited.')
    const logged = await loggedMessages(server.call, session.id)
    assert.deepEqual(
      shownMessages(client).map(({ content }) => content),
      logged.map(({ content }) => content),
    )
  })

  test(`${protocol}: an answer is regenerated, and a message edited, with the state of now`, async () => {
    const opened = open(protocol)
    const { client } = opened
    const runs = [
      { text: 'First.', state: { title: 'Draft' } },
      { text: 'First.', state: { title: 'Plan' } },
      { text: 'Edited.', state: { title: 'Final' } },
      { text: 'Edited.', state: {} },
    ]
    const seen: unknown[] = []
    for (const { text, state } of runs) {
      client.setMessages([user(scripted({ text }), 'm1')])
      client.setState(state)
      await client.runAgent()
      const { id } = await sessionOf(server.call, opened.threadId)
      const calls = await eventsOf(server, id, '?types=llm.generation')
      seen.push(calls.map(({ data }) => JSON.stringify(data).match(/Draft|Plan|Final/g)))
    }
    assert.deepEqual(seen, [[['Draft']], [['Plan']], [['Final']], [null]])
  })

  test(`${protocol}: a turn that is stopped ends the run with its text so far`, async () => {
    const opened = open(protocol)
    const { client, threadId } = opened
    const slow = { text: 'It takes a while to write. '.repeat(50), tokens_per_second: 3 }
    client.messages.push(user(scripted(slow)))
    const stopping = client.subscribe({
      onTextMessageContentEvent: async () => {
        stopping.unsubscribe()
        const { id } = await sessionOf(server.call, threadId)
        await server.call('POST', `/v1/sessions/${id}/cancel`)
      },
    })
    await client.runAgent()
    await assertLogged(opened)
    await opened.received()
    const { type, outcome } = last(opened)
    assert.equal(type, 'RUN_FINISHED')
    assert.deepEqual(outcome, isCurrent ? { type: 'cancelled' } : undefined)
  })

  test(`${protocol}: text of an attempt that broke off is taken back`, async (t) => {
    const model = await startModel(t)
    const { agent_id } = await model.session(server)
    const opened = open(protocol, { agentId: agent_id })
    const { client } = opened
    client.messages.push(user('Write.'))
    const run = client.runAgent()
    const first = await model.call()
    first.say('This text is written')
    const isText = ({ type }: WireEvent) => type === 'TEXT_MESSAGE_CONTENT'
    await eventually(async () => opened.events.some(isText))
    first.breakOff()
    const again = await model.call(2)
    again.say('This text is written twice, and shown once to the client.')
    again.end()
    await run
    await assertLogged(opened)
    const events = await opened.received()
    assert.ok(events.some(({ type }) => type === 'MESSAGES_SNAPSHOT'))
    assert.ok(client.messages.at(-1)!.id.endsWith('~2'))
  })

  test(`${protocol}: a page that is loaded again reads its messages and joins the run`, async (t) => {
    const model = await startModel(t)
    const { agent_id: agentId } = await model.session(server, {
      capabilities: [{ ref: 'test_math' }],
    })
    const opened = open(protocol, { agentId })
    const { client, threadId } = opened
    client.messages.push(user('Add.'))
    const detaching = client.subscribe({
      onToolCallResultEvent: () => {
        detaching.unsubscribe()
        client.abortRun()
      },
    })
    const run = client.runAgent()
    const first = await model.call()
    first.say('I add.')
    first.input(0, '{"a":1,"b":2}', { id: 'call_1', name: 'add' })
    first.end()
    const second = await model.call(2)
    second.say('It takes a while ')
    await run
    const path = `/v1/ag-ui/agents/${agentId}?threadId=${encodeURIComponent(threadId)}&format=ag-ui`
    const { body } = await server.call('GET', path)
    const page = agUiClient(protocol, {
      url: server.url,
      agentId,
      threadId,
      messages: body.messages,
    })
    const joined = page.client.runAgent({ runId: body.activeRun.runId })
    second.say('to write.')
    second.end()
    await joined
    await assertLogged({ ...page, threadId })
  })

  test(`${protocol}: a wait for a budget ends the run with an interrupt`, async () => {
    const created = await createAgent(server)
    const path = '/v1/budgets'
    const fields = { subject_type: 'agent', subject_id: created.id, currency: 'tokens', limit: 1 }
    const budget = await server.call('POST', path, fields)
    assert.equal(budget.status, 201, JSON.stringify(budget.body))
    threads += 1
    const threadId = `thread ${threads}`
    const opened = {
      threadId,
      ...agUiClient(protocol, { url: server.url, agentId: created.id, threadId }),
    }
    const { client } = opened
    client.messages.push(user('Hello'))
    await client.runAgent()
    const [interrupt] = client.pendingInterrupts
    assert.equal(interrupt!.reason, 'outlast:budget')
    await client.runAgent({ resume: [{ interruptId: interrupt!.id, status: 'cancelled' }] })
    assert.deepEqual(client.pendingInterrupts, [])
    await assertLogged(opened)
  })
}
