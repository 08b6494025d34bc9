/** Broken answers of @outlast/ai-sdk: each resumes in its own turn, or fails. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OutlastChatTransport } from '@outlast/ai-sdk'
import type { UIMessage } from 'ai'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, scripted } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { type Front, openChat, openWith, stored, textIn, untilChat } from './ai-sdk.ts'

let server: Awaited<ReturnType<typeof startServer>>
let agent: Awaited<ReturnType<typeof createAgent>>

beforeAll(async (t) => {
  server = await startServer(t)
  agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
})

const add = { name: 'add', arguments: { a: 1, b: 2 } }
const words = 'one two three four five six'
const slow = (text = words) => scripted({ text, tokens_per_second: 10, chunk: 4 })

type Fetch = typeof fetch

/**
 * A connection that breaks after some bytes of the first response. Requests after it wait for
 * `repaired`, and get `answer` if it is given.
 */
function breaking(bytes: number, repaired: Promise<unknown>, answer?: () => Response): Fetch {
  let count = 0
  return (async (url: string, init?: RequestInit) => {
    count += 1
    if (count > 1) {
      await repaired
      return answer ? answer() : fetch(url, init)
    }
    const response = await fetch(url, init)
    if (bytes === 0) {
      await response.body!.cancel()
      return new Response('', response)
    }
    let left = bytes
    const cut = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        controller.enqueue(chunk.subarray(0, left))
        left -= chunk.length
        if (left <= 0) controller.terminate()
      },
    })
    return new Response(response.body!.pipeThrough(cut), response)
  }) as Fetch
}

const frontOf = (id: string): Front => ({ server, agent, version: 7, id })

function openBroken(id: string, fetch: Fetch, messages: UIMessage[] = []) {
  const transport = new OutlastChatTransport({ url: server.url, agentId: agent.id, fetch })
  return openWith(frontOf(id), { transport: transport as never, messages })
}

const answersOf = ({ messages }: { messages: UIMessage[] }) =>
  messages.filter(({ role }) => role === 'assistant')

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

test('an answer that ended while its page slept is shown whole', async () => {
  const front = frontOf('slept')
  const awake = Promise.withResolvers<void>()
  const chat = openBroken(front.id, breaking(700, awake.promise))
  const calls = { text: 'Adding.', tool_calls: [add] }
  const sent = chat.sendMessage({ text: scripted(calls, { text: 'Three.' }) })
  // Meanwhile another page has the next two turns.
  await eventually(async () => {
    const { status, messages } = await stored(front)
    return status === 'idle' && messages.length === 2
  })
  const other = openChat(front, { messages: (await stored(front)).messages })
  for (const text of ['Second.', 'Third.']) await other.sendMessage({ text: scripted({ text }) })
  awake.resolve()
  await sent
  assert.equal(chat.status, 'ready', String(chat.error))
  const { messages } = await stored(front)
  assert.deepEqual(plain(chat.messages), messages.slice(0, 2))
})

test('a broken answer goes on in its own turn after another page began the next one', async () => {
  const front = frontOf('two pages')
  const next = Promise.withResolvers<void>()
  const one = openBroken(front.id, breaking(500, next.promise))
  const first = one.sendMessage({ text: slow() })
  await untilChat(() => one.lastMessage?.role === 'assistant')
  const two = openChat(front)
  const second = two.sendMessage({ text: slow('uno due tre') })
  await untilChat(() => two.lastMessage?.role === 'assistant')
  next.resolve()
  await Promise.all([first, second])
  assert.equal(textIn(one.lastMessage), words)
  const { messages } = await stored(front)
  assert.deepEqual(plain(answersOf(one)), [messages[1]])
})

test('a queued message whose connection breaks gets its own answer', async () => {
  const front = frontOf('queued')
  const one = openChat(front)
  const first = one.sendMessage({ text: slow() })
  await untilChat(() => one.lastMessage?.role === 'assistant')
  const two = openBroken(front.id, breaking(0, Promise.resolve()))
  await two.sendMessage({ text: scripted({ text: 'Second.' }) })
  await first
  assert.equal(textIn(two.lastMessage), 'Second.')
  const { messages } = await stored(front)
  assert.deepEqual(plain(answersOf(two)), [messages[3]])
})

test('an answer that cannot be resumed is an error', async () => {
  for (const status of [204, 404]) {
    const refused = () => new Response(null, { status })
    for (const bytes of [0, 500]) {
      const broken = breaking(bytes, Promise.resolve(), refused)
      const chat = openBroken(`lost ${status} ${bytes}`, broken)
      await chat.sendMessage({ text: slow() })
      assert.equal(chat.status, 'error', `${status} after ${bytes} bytes`)
    }
  }
})
