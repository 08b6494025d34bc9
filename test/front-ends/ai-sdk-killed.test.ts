/** Chats of the AI SDK whose node is killed in the middle of an answer. */
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { OutlastChatTransport } from '@outlast/ai-sdk'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import {
  addVendorModel,
  beginStream,
  sendDelta,
  startVendor,
} from '../../apps/server/test/remotes/vendor.ts'
import { createAgent, eventsOf } from '../../apps/server/test/session.ts'
import { type ServerProcess, startProcess } from '../process.ts'
import {
  expectLog,
  type Front,
  openChat,
  openWith,
  stored,
  textIn,
  untilChat,
  type Version,
} from './ai-sdk.ts'

const words = Array.from({ length: 30 }, (_, n) => `word${n}`).join(' ')
const begun = words.slice(0, 60)

/** A model that calls a tool and then waits in the middle of its answer until `goOn`. */
async function startSlowModel(t: TestContext) {
  const held: ServerResponse[] = []
  let isOver = false
  const vendor = await startVendor(t, ({ body: { messages } }) => {
    const isAsked = messages.at(-1)!.role === 'user'
    if (isAsked) return { text: 'Adding.', calls: [{ name: 'add', arguments: { a: 1, b: 2 } }] }
    if (isOver) return { text: words }
    return (response) => {
      held.push(response)
      beginStream(response)
      sendDelta(response, { content: begun })
    }
  })
  return {
    vendor,
    wait() {
      isOver = false
    },
    goOn() {
      isOver = true
      for (const response of held.splice(0)) {
        sendDelta(response, { content: words.slice(begun.length) })
        sendDelta(response, {}, 'stop')
        response.end('data: [DONE]\n\n')
      }
    },
  }
}

test('continues with an answer after kill -9 of the node that writes it', async (t) => {
  const model = await startSlowModel(t)
  const env = {
    DATABASE_URL: await createTestDatabase(t),
    PRIVATE_HOSTS_ALLOWED: '127.0.0.1',
  }
  const nodes: ServerProcess[] = [await startProcess(env), await startProcess(env)]
  t.after(() => Promise.all(nodes.map((node) => node.stop('SIGKILL'))))
  await addVendorModel(nodes[0]!, model.vendor)
  const agent = await createAgent(nodes[0]!, { capabilities: [{ ref: 'test_math' }] })
  const live = () => nodes.at(-1)!
  /** Requests go to the last node, as through a load balancer. */
  const balanced = (url: Parameters<typeof fetch>[0], init?: RequestInit) =>
    fetch(String(url).replace(/^http:..[^/]+/, live().url), init)
  const frontOf = (version: Version, id: string): Front => ({
    server: { url: 'http://balancer', call: (...asked) => live().call(...asked) },
    agent,
    version,
    id,
    fetch: balanced as typeof fetch,
  })
  const killInTheMiddle = async () => {
    const dying = nodes.pop()!
    await dying.crash()
    model.goOn()
    nodes.unshift(await startProcess(env))
  }

  const sessions: string[] = []
  for (const version of [7, 6] as const) {
    const front = frontOf(version, `default ${version}`)
    const chat = openChat(front)
    model.wait()
    const sent = chat.sendMessage({ text: 'What is 1 + 2?' })
    await untilChat(
      () => chat.lastMessage?.role === 'assistant' && textIn(chat.lastMessage).length > 30,
    )
    await killInTheMiddle()
    await sent
    assert.equal(chat.status, 'error')
    await chat.resumeStream()
    assert.equal(chat.status, 'ready')
    assert.equal(textIn(chat.lastMessage), `Adding.${words}`)
    assert.equal(chat.messages.length, 2)
    await expectLog(front, chat)
    sessions.push((await stored(front)).session_id)
  }

  const front = frontOf(7, 'own')
  const transport = new OutlastChatTransport({
    url: front.server.url,
    agentId: agent.id,
    fetch: front.fetch!,
  })
  const chat = openWith(front, { transport: transport as never })
  model.wait()
  const sent = chat.sendMessage({ text: 'What is 1 + 2?' })
  await untilChat(
    () => chat.lastMessage?.role === 'assistant' && textIn(chat.lastMessage).length > 30,
  )
  await killInTheMiddle()
  await sent
  assert.equal(chat.status, 'ready', String(chat.error))
  assert.equal(textIn(chat.lastMessage), `Adding.${words}`)
  await expectLog(front, chat)
  sessions.push((await stored(front)).session_id)
  // On a slow machine the other node may run a turn, which then continues.
  const logs = await Promise.all(sessions.map((id) => eventsOf(live(), id)))
  const isRepeated = logs
    .flat()
    .some(({ type, data }) => type === 'output.message.started' && (data.attempt ?? 1) > 1)
  assert.ok(isRepeated, 'a node was killed while it wrote')
})
