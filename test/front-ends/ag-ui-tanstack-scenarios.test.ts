/** TanStack AI through every kind of turn, behind a proxy that cuts each of its responses. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ChatClient, type ChatClientOptions, fetchServerSentEvents } from '@tanstack/ai-client'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, eventsOf, type ScriptStep, scripted } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { startProcess } from '../process.ts'
import { sessionOf } from './ag-ui-agent.ts'
import { startCuttingProxy } from './cutting-proxy.ts'
import { loggedMessages, shown } from './tanstack.ts'

let server: Awaited<ReturnType<typeof startServer>>
let agentId: string

beforeAll(async (t) => {
  server = await startServer(t)
  const capabilities = [
    { ref: 'test_math' },
    { ref: 'ask_user' },
    { ref: 'session_file_system', config: { requires_approval: ['write_file'] } },
  ]
  agentId = (await createAgent(server, { capabilities })).id
})

const addressOf = (url: string, agent = agentId) => `${url}/v1/ag-ui/agents/${agent}`

/** Cuts each stream of a chat later than the one before: its longest event passes at last. */
function growingCuts() {
  let bytes = 600
  return (request: string) => {
    // A client does not read the messages of a thread again.
    if (request.includes('?threadId=')) return undefined
    bytes += 400
    return bytes
  }
}

type Options = Partial<ChatClientOptions>

async function open(t: TestContext, threadId: string, more: Options = {}) {
  const url = await startCuttingProxy(t, { target: server.url, cuts: growingCuts() })
  const connection = fetchServerSentEvents(addressOf(url), { reconnect: { delayMs: 0 } })
  const errors: Error[] = []
  const onError = (error: Error) => errors.push(error)
  const client = new ChatClient({ threadId, connection, onError, ...more } as ChatClientOptions)
  return { client, errors, threadId }
}
type Opened = Awaited<ReturnType<typeof open>>

/** The messages of a client must be those of the log. */
async function assertLogged({ client, errors, threadId }: Opened) {
  assert.deepEqual(errors, [])
  const logged = await loggedMessages(addressOf(server.url), threadId)
  assert.deepEqual(shown(client.getMessages()), logged)
  return logged
}

const lastText = ({ client }: Opened) => {
  const last = client.getMessages().at(-1)
  const part = last?.role === 'assistant' && last.parts.findLast(({ type }) => type === 'text')
  return part && part.type === 'text' ? part.content : ''
}

const slow = (text: string): ScriptStep => ({ text: text.repeat(20), tokens_per_second: 40 })

test('a call is approved, and another one denied', async (t) => {
  const opened = await open(t, 'approval')
  const calls = ['/a.md', '/b.md'].map((path) => ({
    name: 'write_file',
    arguments: { path, content: 'x' },
  }))
  await opened.client.sendMessage(scripted({ tool_calls: calls }, { text: 'Decided.' }))
  await assertLogged(opened)
  const [first, second] = opened.client.getInterrupts()
  await opened.client.resumeInterruptsUnsafe([
    { interruptId: first!.id, status: 'resolved', payload: { approved: true } },
    { interruptId: second!.id, status: 'cancelled' },
  ])
  assert.deepEqual(opened.client.getInterrupts(), [])
  assert.equal(lastText(opened), 'Decided.')
  await assertLogged(opened)
})

test('a question is answered', async (t) => {
  const opened = await open(t, 'question')
  const options = [{ label: 'Red' }, { label: 'Blue' }]
  const questions = [{ id: 'q1', kind: 'choice', question: 'Which color?', options }]
  const call = { name: 'ask_user', arguments: { questions } }
  await opened.client.sendMessage(scripted({ tool_calls: [call] }, { text: 'Thanks.' }))
  await assertLogged(opened)
  const [asked] = opened.client.getInterrupts()
  const answer = { interruptId: asked!.id, status: 'resolved' as const, payload: { q1: 'Blue' } }
  await opened.client.resumeInterruptsUnsafe([answer])
  assert.equal(lastText(opened), 'Thanks.')
  assert.match(JSON.stringify(await assertLogged(opened)), /Blue/)
})

test('a tool of the client is called, and its result is sent', async (t) => {
  const tool = { name: 'get_weather', description: 'Reads it.', __toolSide: 'client' as const }
  const opened = await open(t, 'client tool', { tools: [tool] })
  const steps = ['Rome', 'Oslo'].map((city, index) => ({
    text: `I look at ${city}.`,
    tool_calls: [{ name: tool.name, arguments: { city }, id: `call_${index}` }],
  }))
  await opened.client.sendMessage(scripted(...steps, { text: 'Rain, and rain.' }))
  for (const [index, sky] of ['rain', 'more rain'].entries()) {
    await assertLogged(opened)
    const answer = { toolCallId: `call_${index}`, tool: tool.name, output: { sky } }
    await opened.client.addToolResult(answer)
  }
  assert.equal(lastText(opened), 'Rain, and rain.')
  await assertLogged(opened)
})

test('text of an attempt that broke off is taken back', async (t) => {
  const opened = await open(t, 'attempt')
  const error = { message: 'Broken.', status: 500, after_characters: 60, fail_attempts: 1 }
  await opened.client.sendMessage(scripted({ ...slow('Written twice. '), error }))
  assert.equal(lastText(opened), 'Written twice. '.repeat(20))
  await assertLogged(opened)
})

test('a turn that is cancelled ends the chat with its text so far', async (t) => {
  const opened = await open(t, 'cancelled')
  const sent = opened.client.sendMessage(scripted(slow('It takes a while. ')))
  await eventually(async () => lastText(opened).length > 20)
  const { id } = await sessionOf(server.call, 'cancelled')
  await server.call('POST', `/v1/sessions/${id}/cancel`)
  await sent
  assert.notEqual(lastText(opened), '')
  await assertLogged(opened)
})

test('an answer is regenerated, and a message edited', async (t) => {
  const opened = await open(t, 'again')
  const { client } = opened
  await client.sendMessage(scripted({ text: 'First.' }))
  await client.sendMessage(scripted({ text: 'Second.' }))
  const before = await sessionOf(server.call, 'again')
  await client.reload()
  const again = await sessionOf(server.call, 'again')
  assert.notEqual(again.id, before.id)
  assert.equal((await assertLogged(opened)).length, 4)
  const { id } = client.getMessages()[2]!
  client.setMessagesManually(client.getMessages().slice(0, 2))
  await client.sendMessage({ id, content: scripted({ text: 'Edited.' }) })
  assert.equal(lastText(opened), 'Edited.')
  assert.equal((await assertLogged(opened)).length, 4)
})

test('an error of the model reaches the chat, whose next message works', async (t) => {
  const opened = await open(t, 'error')
  await opened.client.sendMessage(scripted({ error: { message: 'No.', status: 400 } }))
  assert.equal(opened.client.getStatus(), 'error')
  assert.equal(opened.errors.splice(0).length, 1)
  await assertLogged(opened)
  await opened.client.sendMessage(scripted({ text: 'Yes.' }))
  assert.equal(lastText(opened), 'Yes.')
  await assertLogged(opened)
})

/** A page of the server-authoritative kind: it keeps nothing of the chat itself. */
async function openAgain(t: TestContext, threadId: string) {
  const page = await open(t, threadId, { persistence: true })
  page.client.attach()
  t.after(() => page.client.dispose())
  return page
}

test('a page that is loaded again in the middle of an answer shows all of it', async (t) => {
  const add = { name: 'add', arguments: { a: 1, b: 2 } }
  const script = scripted({ text: 'I add.', tool_calls: [add] }, slow('It is three. '))
  const first = await open(t, 'loaded again')
  const sent = first.client.sendMessage(script)
  await eventually(async () => lastText(first).startsWith('It is'))
  first.client.stop()
  await sent
  const page = await openAgain(t, 'loaded again')
  await eventually(async () => lastText(page) === 'It is three. '.repeat(20))
  await eventually(async () => !page.client.getSessionGenerating())
  await assertLogged(page)
})

test('a page that is loaded again while a call awaits its approval decides on it', async (t) => {
  const write = { name: 'write_file', arguments: { path: '/c.md', content: 'x' } }
  const first = await open(t, 'asked again')
  await first.client.sendMessage(scripted({ tool_calls: [write] }, { text: 'Written.' }))
  const page = await openAgain(t, 'asked again')
  const [asked] = await eventually(async () => {
    const interrupts = page.client.getInterrupts()
    return interrupts.length > 0 ? interrupts : undefined
  })
  const payload = { approved: true }
  await page.client.resumeInterruptsUnsafe([
    { interruptId: asked!.id, status: 'resolved', payload },
  ])
  assert.equal(lastText(page), 'Written.')
  await assertLogged(page)
})

test('a chat continues on another node after kill -9 of its own', async (t) => {
  const DATABASE_URL = await createTestDatabase(t)
  const [first, second] = [
    await startProcess({ DATABASE_URL }),
    await startProcess({ DATABASE_URL }),
  ]
  t.after(() => Promise.all([first.crash(), second.crash()]))
  const { id } = await createAgent(first, { capabilities: [{ ref: 'test_math' }] })
  let live = first
  /** Requests go to the live node, as through a load balancer. */
  const balanced = (url: Parameters<typeof fetch>[0], init?: RequestInit) =>
    fetch(String(url).replace('http://balancer', live.url), init)
  const connection = fetchServerSentEvents(addressOf('http://balancer', id), {
    fetchClient: balanced as typeof fetch,
    reconnect: { delayMs: 0 },
  })
  const opened = await open(t, 'killed', { connection })
  const add = { name: 'add', arguments: { a: 1, b: 2 } }
  const script = scripted({ text: 'I add.', tool_calls: [add] }, slow('It is three. '))
  const sent = opened.client.sendMessage(script)
  await eventually(async () => lastText(opened).startsWith('It is'))
  live = second
  await first.crash()
  await sent
  assert.deepEqual(opened.errors, [])
  assert.equal(lastText(opened), 'It is three. '.repeat(20))
  const logged = await loggedMessages(addressOf(second.url, id), 'killed')
  assert.deepEqual(shown(opened.client.getMessages()), logged)
  const events = await eventsOf(second, (await sessionOf(second.call, 'killed')).id)
  assert.equal(events.filter(({ type }) => type === 'input.message').length, 1)
})
