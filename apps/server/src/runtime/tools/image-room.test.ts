import assert from 'node:assert/strict'
import { test } from 'node:test'
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

const camera: Capability = defineCapability({
  id: 'camera',
  name: 'Camera',
  description: 'For tests.',
  category: 'Testing',
  icon: 'bug',
  status: 'available',
  tools: () => [
    defineTool({
      name: 'look',
      description: 'For tests.',
      replay: 'safe',
      input: Type.Object({}),
      run: () => withImages({ seen: true }, images),
    }),
  ],
})

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
  const server = await startServer(t, { capabilities: [...builtins, camera] })
  const agent = await createAgent(server, { capabilities: [{ ref: 'camera' }] })
  const { id } = await createSession(server, { agent_id: agent.id })
  const say = async (...steps: ScriptStep[]) => {
    expectStatus(await post(server, id, scripted(...steps)), 201)
    await eventually(async () => {
      const { body } = await server.call('GET', `/v1/sessions/${id}`)
      return body.status === 'idle' || undefined
    })
    const last = await eventsOf(server, id, '?types=output.message.completed&order_desc=true')
    assert.equal(replyOf(last.slice(0, 1)), 'End.')
    return resultsOf(server.databaseUrl, id)
  }
  const look = { name: 'look', arguments: {} }
  const four = { tool_calls: [look, look, look, look] }
  const results = await say(four, four, { text: 'End.' })
  assert.equal(results.length, 8)
  assert.ok(results.some(({ images }) => images === 0))
  for (const { images, text } of results) {
    const note = images < 2 ? /\n\[\d images? omitted: .* 64 MiB/ : /^\{"seen":true\}$/
    assert.match(text, note)
  }
  const total = results.reduce((sum, { length }) => sum + length, 0)
  assert.ok(total < 65 * mebibyte, `${total} bytes`)
  const next = await say({ tool_calls: [look] }, { text: 'End.' })
  assert.equal(next.at(-1)!.images, 2)
})
