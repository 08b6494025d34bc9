/** The package @outlast/ai-sdk with a chat of the AI SDK, a bad proxy, and a route of its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  OutlastChatTransport,
  sendWhenAnswered,
  stopChat,
  toUIMessageStreamResponse,
  toUIMessages,
} from '@outlast/ai-sdk'
import { type Approval, clientTool, createOutlast, type Event, type ToolCall } from '@outlast/sdk'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, eventsOf, scripted } from '../../apps/server/test/session.ts'
import { eventually } from '../browser/browser.ts'
import { expectLog, type Front, openWith, stored, textIn, untilChat } from './ai-sdk.ts'

let server: Awaited<ReturnType<typeof startServer>>
let agent: Awaited<ReturnType<typeof createAgent>>

beforeAll(async (t) => {
  server = await startServer(t)
  const config = { requires_approval: ['write_file'] }
  const capabilities = [{ ref: 'session_file_system', config }, { ref: 'ask_user' }]
  const tools = [{ type: 'client_side', name: 'look', description: 'Looks.' }]
  agent = await createAgent(server, { capabilities, tools })
})

const words = 'one two three four five six seven eight nine ten'
const slow = () => scripted({ text: words, tokens_per_second: 10, chunk: 4 })

/** A proxy that ends each stream cleanly after so many bytes. */
const cutting = (bytes: number) =>
  (async (url: string, init?: RequestInit) => {
    const response = await fetch(url, init)
    if (!response.body || response.status === 204) return response
    let left = bytes
    const cut = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        controller.enqueue(chunk.subarray(0, left))
        left -= chunk.length
        if (left <= 0) controller.terminate()
      },
    })
    return new Response(response.body.pipeThrough(cut), response)
  }) as typeof fetch

test('continues an answer whose streams a proxy ends cleanly', async () => {
  const front: Front = { server, agent, version: 7, id: 'cut' }
  const about = { url: server.url, agentId: agent.id, fetch: cutting(900) }
  const chat = openWith(front, { transport: new OutlastChatTransport(about) as never })
  await chat.sendMessage({ text: slow() })
  assert.equal(chat.status, 'ready', String(chat.error))
  assert.equal(textIn(chat.lastMessage), words)
  await expectLog(front, chat)
})

/** A proxy that forwards only the first bytes of the first stream, and does not end it. */
function stalling(bytes: number) {
  const asked: string[] = []
  const stall = (async (url: string, init?: RequestInit) => {
    asked.push(init?.method ?? 'GET')
    const response = await fetch(url, init)
    if (asked.length > 1) return response
    let left = bytes
    const held = new TransformStream<Uint8Array, Uint8Array>({
      async transform(chunk, controller) {
        controller.enqueue(chunk.subarray(0, left))
        left -= chunk.length
        if (left <= 0) await new Promise(() => {})
      },
    })
    return new Response(response.body!.pipeThrough(held), response)
  }) as typeof fetch
  return { asked, fetch: stall }
}

test('continues an answer whose connection is dead but not closed', async () => {
  const front: Front = { server, agent, version: 7, id: 'dead' }
  const { asked, fetch } = stalling(300)
  const about = { url: server.url, agentId: agent.id, fetch, silenceMs: 1_000 }
  const chat = openWith(front, { transport: new OutlastChatTransport(about) as never })
  await chat.sendMessage({ text: slow() })
  assert.equal(chat.status, 'ready', String(chat.error))
  assert.equal(textIn(chat.lastMessage), words)
  assert.deepEqual(asked.slice(0, 2), ['POST', 'GET'])
  await expectLog(front, chat)
})

test('continues an answer also when the connection that resumes it is dead', async () => {
  const front: Front = { server, agent, version: 7, id: 'dead-twice' }
  const { asked, fetch } = stalling(300)
  const left: unknown[] = []
  const hanging = ((url: string, init?: RequestInit) => {
    if (asked.length !== 1 || left.length > 0) return fetch(url, init)
    left.push(init?.signal)
    return new Promise(() => {})
  }) as typeof fetch
  const about = { url: server.url, agentId: agent.id, fetch: hanging, silenceMs: 1_000 }
  const chat = openWith(front, { transport: new OutlastChatTransport(about) as never })
  await chat.sendMessage({ text: slow() })
  assert.equal(chat.status, 'ready', String(chat.error))
  assert.equal(textIn(chat.lastMessage), words)
  assert.deepEqual([asked.length > 1, (left[0] as AbortSignal).aborted], [true, true])
  await expectLog(front, chat)
})

test('sends the answers of a step with an approval and a client tool at once', async () => {
  const front: Front = { server, agent, version: 7, id: 'mixed' }
  const transport = new OutlastChatTransport({ url: server.url, agentId: agent.id })
  const chat = openWith(front, {
    transport: transport as never,
    sendAutomaticallyWhen: sendWhenAnswered as never,
  })
  const calls = [
    { id: 'call_w', name: 'write_file', arguments: { path: '/a.txt', content: 'x' } },
    { id: 'call_l', name: 'look', arguments: {} },
  ]
  await chat.sendMessage({ text: scripted({ tool_calls: calls }, { text: 'Done.' }) })
  await chat.addToolApprovalResponse({ id: 'call_w', approved: true })
  assert.equal(chat.status, 'ready')
  await chat.addToolOutput({ tool: 'look', toolCallId: 'call_l', output: 'dark' } as never)
  await untilChat(() => textIn(chat.lastMessage) === 'Done.' && chat.status === 'ready')
  await expectLog(front, chat)
})

test('sends the result of a client tool once, with the answer to a question of its step', async () => {
  const front: Front = { server, agent, version: 7, id: 'asked' }
  let posts = 0
  const counting: typeof fetch = (input, init) => {
    posts += 1
    return fetch(input, init)
  }
  const about = { url: server.url, agentId: agent.id, fetch: counting }
  const transport = new OutlastChatTransport(about) as never
  const sendAutomaticallyWhen = sendWhenAnswered as never
  const chat = openWith(front, { transport, sendAutomaticallyWhen })
  const questions = [{ kind: 'text', question: 'Your name?' }]
  const calls = [
    { id: 'call_l', name: 'look', arguments: {} },
    { id: 'call_q', name: 'ask_user', arguments: { questions } },
  ]
  await chat.sendMessage({ text: scripted({ tool_calls: calls }, { text: 'Hello.' }) })
  await chat.addToolOutput({ tool: 'look', toolCallId: 'call_l', output: 'dark' } as never)
  assert.deepEqual([chat.status, posts], ['ready', 1])
  const part = chat.lastMessage!.parts.find(({ type }) => type === 'data-outlast-question')
  const { data } = part as { data: { questions: { id: string }[] } }
  const answers = [{ id: data.questions[0]!.id, value: 'Ada' }]
  const body = { question_answers: [{ tool_call_id: 'call_q', answers }] }
  await chat.sendMessage(undefined, { body })
  assert.deepEqual([textIn(chat.lastMessage), chat.status, posts], ['Hello.', 'ready', 2])
  await expectLog(front, chat)
})

test('stops the turn on the server', async () => {
  const front: Front = { server, agent, version: 7, id: 'stop' }
  const transport = new OutlastChatTransport({ url: server.url, agentId: agent.id })
  const chat = openWith(front, { transport: transport as never })
  const text = `${words} `.repeat(100)
  const sent = chat.sendMessage({ text: scripted({ text, tokens_per_second: 10 }) })
  await untilChat(() => chat.lastMessage?.role === 'assistant' && textIn(chat.lastMessage) !== '')
  await stopChat(transport, chat)
  await sent
  const { messages } = await stored(front)
  assert.ok(textIn(messages.at(-1)).length < text.length)
})

test('stops the turn of the user that the caller names, and closes the connection anyway', async () => {
  const transport = new OutlastChatTransport({ url: server.url, agentId: agent.id })
  const chat = openWith({ version: 7, id: 'stop' }, { transport: transport as never })
  const text = scripted({ text: `${words} `.repeat(100), tokens_per_second: 10 })
  const sent = chat.sendMessage({ text }, { body: { user: 'bob' } })
  await untilChat(() => textIn(chat.lastMessage).startsWith('one'))
  await assert.rejects(stopChat(transport, { id: 'unknown', stop: chat.stop }))
  await sent
  assert.equal(chat.status, 'ready')
  const path = '/v1/sessions?user=bob'
  assert.equal((await server.call('GET', path)).body.data[0].status, 'active')
  await stopChat(transport, chat, { user: 'bob' })
  await eventually(async () => {
    assert.equal((await server.call('GET', path)).body.data[0].status, 'idle')
  })
})

test('serves a turn of the client as a route of another server', async () => {
  const outlast = createOutlast({ url: server.url })
  const created = await outlast.sessions.create({ agent_id: agent.id, key: 'route' })
  const turn = outlast.session(created).send(slow())
  const response = toUIMessageStreamResponse(turn)
  assert.equal(response.headers.get('x-vercel-ai-ui-message-stream'), 'v1')
  const text = await response.text()
  assert.ok(text.endsWith('data: [DONE]\n\n'), text.slice(-200))
  const messages = toUIMessages(await eventsOf(server, created.id))
  const listed = await stored({ server, agent, version: 7, id: 'route' })
  assert.deepEqual(JSON.parse(JSON.stringify(messages)), listed.messages)
})

test('serves the answer to a message that joins a running turn', async () => {
  const outlast = createOutlast({ url: server.url })
  const created = await outlast.sessions.create({ agent_id: agent.id })
  const session = outlast.session(created)
  const stored = async (type: Event['type'], count: number) => {
    for await (const event of session.events()) {
      if (event.type === type && --count === 0) return
    }
  }
  const waits = clientTool({
    name: 'look',
    description: 'Looks.',
    parameters: { type: 'object' },
    run: () => stored('input.message', 2),
  })
  const calls = { tool_calls: [{ id: 'call_j', name: 'look', arguments: {} }] }
  const first = session.send(scripted(calls, { text: 'No.' }), { tools: [waits] })
  await stored('tool.call_requested', 1)
  const second = session.send(scripted({ text: 'Joined.' }))
  const text = await toUIMessageStreamResponse(second).text()
  assert.match(text, /"type":"start".*"start-step".*Joined\..*"type":"finish"/s)
  assert.equal((await first).turnId, (await second).turnId)
})

const write = (id: string) => ({
  id,
  name: 'write_file',
  arguments: { path: `/${id}.txt`, content: 'x' },
})
const look = clientTool({
  name: 'look',
  description: 'Looks.',
  parameters: { type: 'object', properties: {} },
  run: () => sleep(50, 'dark'),
})

/** Approves what is for the program of the route, and leaves the rest to the page. */
async function onApproval({ id }: ToolCall): Promise<Approval | undefined> {
  await sleep(20)
  return id === 'own' ? { decision: 'approve' } : undefined
}

/** The chunks of a response without deltas. */
async function chunksOf(response: Response) {
  const frames = [...(await response.text()).matchAll(/^data: (\{.*)$/gm)]
  const chunks = frames.map(
    ([, frame]) => JSON.parse(frame!) as { type: string; toolCallId?: string },
  )
  return chunks.map(({ type, toolCallId }) => (toolCallId ? `${type} ${toolCallId}` : type))
}

test('a route continues while its program answers calls, and ends for those of the page', async () => {
  const outlast = createOutlast({ url: server.url })
  const session = outlast.session(await outlast.sessions.create({ agent_id: agent.id }))
  const calls = [write('own'), { id: 'seen', name: 'look', arguments: {} }]
  const script = scripted({ tool_calls: calls }, { tool_calls: [write('left')] }, { text: 'Done.' })
  const handlers = { tools: [look], onApproval }
  const first = await chunksOf(toUIMessageStreamResponse(session.send(script, handlers)))
  assert.ok(first.includes('tool-output-available own'), first.join('\n'))
  assert.ok(first.includes('tool-output-available seen'))
  assert.ok(first.includes('tool-approval-request left'))
  assert.deepEqual([first.at(-1), first.includes('text-start')], ['finish', false])
  // The stream of the turn ends with that of the page, not with the next event.
  await eventually(async () => {
    const { body } = await server.call('GET', '/metrics')
    assert.match(body, /^outlast_sse_clients 0$/m)
  })
  await outlast.sessions.decideToolCall(session.id, 'left', { decision: 'approve' })
  const second = await chunksOf(toUIMessageStreamResponse(session.resume(handlers)))
  assert.ok(second.includes('text-start'), second.join('\n'))
})

test('a route ends at a call that none of its handlers answers', async () => {
  const outlast = createOutlast({ url: server.url })
  const session = outlast.session(await outlast.sessions.create({ agent_id: agent.id }))
  const script = scripted({ tool_calls: [write('left')] }, { text: 'Done.' })
  const chunks = await chunksOf(toUIMessageStreamResponse(session.send(script, { tools: [look] })))
  assert.equal(chunks.at(-1), 'finish')
  await outlast.sessions.cancelTurn(session.id)
})

const failing = () => {
  throw new Error('secret of the route')
}

test('a route ends its stream with a chunk for an error that is not of a failed turn', async () => {
  const outlast = createOutlast({ url: server.url })
  const shown = async (turn: Parameters<typeof toUIMessageStreamResponse>[0]) => {
    const text = await toUIMessageStreamResponse(turn).text()
    const [, error] = /data: (\{"type":"error".*\})\n\ndata: \[DONE\]\n\n$/.exec(text) ?? []
    return (JSON.parse(error ?? '{}') as { errorText?: string }).errorText
  }
  const unknown = outlast.session(`session_${'0'.repeat(32)}`)
  assert.match((await shown(unknown.send('Hello.'))) ?? '', /not found/i)
  const session = outlast.session(await outlast.sessions.create({ agent_id: agent.id }))
  const script = scripted({ tool_calls: [write('own')] }, { text: 'Done.' })
  const failed = await shown(session.send(script, { onApproval: failing }))
  assert.equal(failed, 'Internal server error')
  assert.match((await shown(session.send('Hello.', { on_busy: 'reject' }))) ?? '', /turn/)
  await outlast.sessions.cancelTurn(session.id)
})

test('cancelling the stream of an answer closes its connection while the answer is silent', async () => {
  const transport = new OutlastChatTransport({ url: server.url, agentId: agent.id })
  const text = scripted({ text: 'Late.', delay_ms: 20_000 })
  const asked = { id: 'm1', role: 'user', parts: [{ type: 'text', text }] }
  const about = { chatId: 'left', trigger: 'submit-message' as const, messageId: undefined }
  const stream = await transport.sendMessages({ ...about, messages: [asked] })
  const reader = stream.getReader()
  for (const type of ['start', 'start-step']) {
    assert.equal((await reader.read()).value?.type, type)
  }
  const silent = reader.read()
  // The transport reads from its connection by now.
  await sleep(100)
  await reader.cancel()
  assert.equal((await silent).done, true)
  await eventually(async () => {
    const { body } = await server.call('GET', '/metrics')
    assert.match(body, /^outlast_sse_clients 0$/m)
  })
  const { status } = await stored({ server, agent, version: 7, id: 'left' })
  assert.notEqual(status, 'idle')
  await transport.stop('left')
})
