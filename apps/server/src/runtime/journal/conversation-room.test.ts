import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '@outlast/contract'
import { expectStatus } from '../../../test/access.ts'
import { pngOfBytes } from '../../../test/pictures.ts'
import { testCapability, testTool } from '../../../test/processes/own-code.ts'
import { addVendorModel, startVendor } from '../../../test/remotes/vendor.ts'
import { startServer } from '../../../test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  replyOf,
  scripted,
  typesOf,
} from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'
import { builtins } from '../../capabilities/index.ts'

const mebibyte = 1024 * 1024

let release: () => void
const released = new Promise<void>((resolve) => {
  release = resolve
})

const brake = testCapability([testTool({ name: 'hold', run: () => released })])

const holding = scripted({ tool_calls: [{ name: 'hold', arguments: {} }] }, { text: 'End.' })

test('a long conversation waits while others of its organization use the room, a short one does not', async (t) => {
  const server = await startServer(t, { capabilities: [...builtins, brake] })
  const { id: agent_id } = await createAgent(server, { capabilities: [{ ref: 'own' }] })
  const say = async (id: string, text: string) => expectStatus(await post(server, id, text), 201)
  const isIdle = async (id: string) => {
    const { body } = await server.call('GET', `/v1/sessions/${id}`)
    return body.status === 'idle' || undefined
  }
  const isHolding = async (id: string) =>
    (await eventsOf(server, id, '?types=tool.started')).length > 0 || undefined
  const typesSince = async (id: string, sequence: number) =>
    typesOf(await eventsOf(server, id, `?after_sequence=${sequence}`))

  const { id: first } = await createSession(server, { agent_id })
  for (let n = 0; n < 14; n += 1) {
    await say(first, `${n} ${'x'.repeat(7 * mebibyte)}`)
    await eventually(() => isIdle(first))
  }
  const fork = async () =>
    expectStatus(await server.call('POST', `/v1/sessions/${first}/fork`, {}), 201).id as string
  const [second, third] = [await fork(), await fork()]
  for (const id of [first, second]) {
    await say(id, holding)
    await eventually(() => isHolding(id))
  }
  const before = (await eventsOf(server, third, '?order_desc=true&limit=1'))[0]!.sequence!
  await say(third, 'Hello.')
  const { id: short } = await createSession(server, { agent_id })
  await say(short, 'Hello.')
  await eventually(() => isIdle(short))
  // A report reads as much as the turn, and does not wait for room.
  for (let n = 0; n < 3; n += 1) {
    expectStatus(await server.call('GET', `/v1/sessions/${third}/context-report`), 200)
  }
  assert.deepEqual(await typesSince(third, before), ['input.message'])

  expectStatus(await server.call('POST', `/v1/sessions/${third}/cancel`), 200)
  await eventually(() => isIdle(third))
  await say(third, scripted({ text: 'End.' }))
  release()
  for (const id of [first, second, third]) {
    await eventually(() => isIdle(id))
    const replies = await eventsOf(server, id, '?types=output.message.completed&order_desc=true')
    assert.equal(replyOf(replies.slice(0, 1)), 'End.')
  }
})

test('a call has the newest 32 MiB of the images of earlier turns, and the log has all', async (t) => {
  const server = await startServer(t, {
    env: { PRIVATE_HOSTS_ALLOWED: 'provider=127.0.0.1' },
  })
  const vendor = await startVendor(t, () => ({ text: 'seen' }))
  await addVendorModel(server, vendor)
  const { id } = await createSession(server)
  const base64 = pngOfBytes(3 * mebibyte).toString('base64')
  for (let n = 0; n < 10; n += 1) {
    const content = [
      { type: 'text', text: `${n}` },
      { type: 'image', base64 },
    ]
    const path = `/v1/sessions/${id}/messages`
    expectStatus(await server.call('POST', path, { message: { content } }), 201)
    await eventually(async () => {
      const ended = await eventsOf(server, id, '?types=session.idled')
      return ended.length === n + 1 || undefined
    })
  }
  const { messages } = vendor.requests.at(-1)!.body as {
    messages: { role: string; content: unknown }[]
  }
  const sent = messages.filter(({ role }) => role === 'user').map(({ content }) => content)
  const isSent = (content: unknown) => JSON.stringify(content).includes('image_url')
  assert.deepEqual(sent.map(isSent), [false, false, ...Array(8).fill(true)])
  assert.match(
    JSON.stringify(sent[0]),
    /\[Image omitted: only newer images fit into one request\.\]/,
  )
  const inputs = (await eventsOf(server, id, '?types=input.message')) as Event<'input.message'>[]
  for (const { data } of inputs) {
    const [, image] = data.message.content
    assert.equal(image?.type === 'image' && image.base64, base64)
  }
})
