import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Event } from '@outlast/contract'
import { Type } from 'typebox'
import { expectStatus } from '../../../test/access.ts'
import { queryRows } from '../../../test/database.ts'
import { pngOf } from '../../../test/pictures.ts'
import { startServer } from '../../../test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  replyOf,
  type ScriptStep,
  scripted,
} from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'
import {
  type Capability,
  defineCapability,
  defineTool,
  withImages,
} from '../../capabilities/capability.ts'
import { builtins } from '../../capabilities/index.ts'

const mebibyte = 1024 * 1024

/** An image of this size: bytes after its end belong to no chunk. */
function imageOf(sizeBytes: number) {
  const png = pngOf(2, 2)
  const bytes = Buffer.concat([png, Buffer.alloc(sizeBytes - png.length)])
  return { mediaType: 'image/png', base64: bytes.toString('base64'), sizeBytes }
}

const images = [imageOf(5 * mebibyte), imageOf(3 * mebibyte)]

let release: () => void
const released = new Promise<void>((resolve) => {
  release = resolve
})

const about = { description: 'For tests.', replay: 'safe', input: Type.Object({}) } as const

const camera: Capability = defineCapability({
  id: 'camera',
  name: 'Camera',
  description: 'For tests.',
  category: 'Testing',
  icon: 'bug',
  status: 'available',
  tools: () => [
    defineTool({ ...about, name: 'look', run: () => withImages({ seen: true }, images) }),
    defineTool({ ...about, name: 'hold', run: () => released }),
    defineTool({ ...about, name: 'dig', run: () => 'x'.repeat(9 * mebibyte) }),
    defineTool({ ...about, name: 'read', run: () => 'y'.repeat(2_000) }),
  ],
})

const look = { name: 'look', arguments: {} }
const hold = { name: 'hold', arguments: {} }
const dig = { name: 'dig', arguments: {} }
const read = { name: 'read', arguments: {} }
const looks = (count: number) => ({ tool_calls: Array.from({ length: count }, () => look) })

async function start(t: TestContext, env: Record<string, string> = {}) {
  const server = await startServer(t, { env, capabilities: [...builtins, camera] })
  const { id: agent_id } = await createAgent(server, { capabilities: [{ ref: 'camera' }] })
  const create = async () => (await createSession(server, { agent_id })).id
  const say = async (id: string, ...steps: ScriptStep[]) =>
    expectStatus(await post(server, id, scripted(...steps)), 201)
  /** Waits for the end of the turn, and returns the results of the session. */
  const ended = async (id: string) => {
    await eventually(async () => {
      const { body } = await server.call('GET', `/v1/sessions/${id}`)
      return body.status === 'idle' || undefined
    })
    const last = await eventsOf(server, id, '?types=output.message.completed&order_desc=true')
    assert.equal(replyOf(last.slice(0, 1)), 'End.')
    return resultsOf(server.databaseUrl, id)
  }
  return { server, create, say, ended }
}

/** The results of a session, read without their images. */
const resultsOf = (databaseUrl: string, id: string) =>
  queryRows<{ length: number; images: number; text: string }>(
    databaseUrl,
    `select length(data::text) as length, data->'result'->0->>'text' as text,
      json_array_length(data->'result') - 1 as images
    from events where session_id = $1 and type = 'tool.completed' order by sequence`,
    [id],
  )

test('results of a turn have at most 64 MiB of images, and those of the next turn too', async (t) => {
  const { create, say, ended } = await start(t)
  const id = await create()
  await say(id, looks(4), looks(4), { text: 'End.' })
  const results = await ended(id)
  assert.equal(results.length, 8)
  assert.ok(results.some(({ images }) => images === 0))
  for (const { images, text } of results) {
    const note = /\n\[\d images? omitted: the turn has no room for more\]$/
    assert.match(text, images < 2 ? note : /^\{"seen":true\}$/)
  }
  const total = results.reduce((sum, { length }) => sum + length, 0)
  assert.ok(total < 65 * mebibyte, `${total} bytes`)
  await say(id, looks(1), { text: 'End.' })
  const next = await ended(id)
  assert.equal(next.at(-1)!.images, 2)
})

test('images leave the room for texts of results', async (t) => {
  const { create, say, ended } = await start(t, { TOOL_OUTPUT_KB: '10240' })
  const id = await create()
  await say(id, looks(4), looks(4), { tool_calls: [dig] }, { tool_calls: [read] }, { text: 'End.' })
  const results = await ended(id)
  assert.equal(results.at(-1)!.text, JSON.stringify('y'.repeat(2_000)))
})

test('an image waits while other turns of the organization use the room', async (t) => {
  const { server, create, say, ended } = await start(t)
  const full = await Promise.all([create(), create(), create()])
  for (const id of full) await say(id, looks(4), looks(2), { tool_calls: [hold] }, { text: 'End.' })
  const isHolding = async (id: string) => {
    const begun = await eventsOf(server, id, '?types=tool.started&order_desc=true&limit=1')
    const [last] = begun as Event<'tool.started'>[]
    return last?.data.tool_call.name === 'hold' || undefined
  }
  for (const id of full) await eventually(() => isHolding(id))
  const id = await create()
  await say(id, looks(3), { text: 'End.' })
  await eventually(async () => {
    const begun = await eventsOf(server, id, '?types=tool.started')
    return begun.length === 3 || undefined
  })
  assert.deepEqual(await eventsOf(server, id, '?types=act.completed'), [])
  release()
  const results = await ended(id)
  assert.deepEqual(
    results.map(({ images }) => images),
    [2, 2, 2],
  )
})
