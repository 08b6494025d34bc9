import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { startAnyVendor } from '../../apps/server/test/remotes/any-vendor.ts'
import { replyOf } from '../../apps/server/test/session.ts'
import { inlinedImage, redImage } from './image.ts'
import { talkToPlayer } from './recorded.ts'
import { addModel, serverOfFile, talkTo } from './talk.ts'
import { type WireType, wires, wireTypes } from './wires/index.ts'
import type { Body } from './wires/wire.ts'

const server = serverOfFile()
const bytes = Buffer.from(redImage, 'base64')
const media_type = 'image/png'
const text = { type: 'text', text: 'What is this?' }

/** The same as an address, for providers that fetch it. */
const named: Partial<Record<WireType, (url: string) => object>> = {
  openai: (image_url) => ({ type: 'input_image', image_url }),
  azure_openai: (image_url) => ({ type: 'input_image', image_url }),
  anthropic: (url) => ({ type: 'image', source: { type: 'url', url } }),
}

/** A loopback server that has some images and lacks others. */
const startGallery = (t: TestContext) =>
  startAnyVendor(t, ({ url }, response) => {
    if (url === '/red.png')
      return response.writeHead(200, { 'content-type': media_type }).end(bytes)
    if (url === '/page') return response.writeHead(200, { 'content-type': 'text/html' }).end('hi')
    if (url === '/huge.png') {
      response.writeHead(200, { 'content-type': media_type })
      return response.end(Buffer.alloc(11 * 1024 * 1024))
    }
    response.writeHead(404).end()
  })

async function shown(t: TestContext, type: WireType, image: object, more: object = {}) {
  const talk = await talkToPlayer(t, server(), { type, takes: [{}], ...more })
  await talk.say([text, { type: 'image', ...image }])
  return wires[type].newest(talk.player.bodies()[0])
}

/** The text that replaces an image, in each form in which a provider has texts. */
const wordsOf = (parts: unknown[]) => JSON.stringify(parts.at(-1))

for (const type of wireTypes) {
  describe(`images for ${type}`, () => {
    test("an image in a message is sent in the provider's form", async (t) => {
      const parts = await shown(t, type, { base64: redImage, media_type })
      assert.equal(parts.length, 2)
      assert.deepEqual(parts.at(-1), inlinedImage(type))
    })

    test('an image address is sent where the provider fetches it, else fetched by the server', async (t) => {
      const gallery = await startGallery(t)
      const url = `${gallery.url}/red.png`
      const parts = await shown(t, type, { url })
      assert.deepEqual(parts.at(-1), named[type]?.(url) ?? inlinedImage(type))
      assert.equal(gallery.asked.length, named[type] ? 0 : 1)
    })
  })
}

test('a model without vision gets a text in place of the image', async (t) => {
  for (const type of ['openai', 'openai_completions'] as const) {
    const image = { base64: redImage, media_type }
    const parts = await shown(t, type, image, { model_id: 'gpt-4' })
    assert.match(wordsOf(parts), /Image omitted: the model does not support images/)
  }
})

describe('images that the server fetches', () => {
  const type = 'openai_completions'

  test('fetches no image from inside the network, unless the operator named its host', async (t) => {
    const gallery = await startGallery(t)
    const url = `${gallery.url.replace('127.0.0.1', 'localhost')}/red.png`
    assert.match(wordsOf(await shown(t, type, { url })), /its URL cannot be reached/)
    assert.equal(gallery.asked.length, 0)
  })

  test('an image that cannot be fetched is replaced by a text, and the turn continues', async (t) => {
    const gallery = await startGallery(t)
    for (const [place, reason] of [
      ['/none.png', /its URL does not return an image/],
      ['/page', /its URL does not return an image/],
      ['/huge.png', /it is larger than/],
    ] as const) {
      assert.match(wordsOf(await shown(t, type, { url: gallery.url + place })), reason)
    }
    const unreachable = await shown(t, type, { url: 'http://127.0.0.1:1/red.png' })
    assert.match(wordsOf(unreachable), /its URL cannot be reached/)
  })

  test('an image is fetched once in a turn for all model calls', async (t) => {
    const gallery = await startGallery(t)
    const takes = [{ pieces: wires[type].signed }, {}]
    const { say, player } = await talkToPlayer(t, server(), { type, takes })
    await say([text, { type: 'image', url: `${gallery.url}/red.png` }])
    const [first, second] = player.bodies().map((body) => wires[type].newest(body))
    assert.deepEqual(first, second)
    assert.deepEqual(first!.at(-1), inlinedImage(type))
    assert.equal(gallery.asked.length, 1)
  })
})

/** A PNG of any size whose content no decoder needs. */
function pngOf(width: number, height: number): string {
  const png = Buffer.from(bytes)
  png.writeUInt32BE(width, 16)
  png.writeUInt32BE(height, 20)
  return png.toString('base64')
}

const imageOf = (width: number, height: number) => ({
  ...{ type: 'image', base64: pngOf(width, height), media_type },
})

test('Anthropic gets no image with a side that it refuses, and fewer if some are large', async (t) => {
  const type = 'anthropic'
  const { say, player } = await talkToPlayer(t, server(), { type, takes: [{}] })
  await say([text, imageOf(1_280, 12_000), imageOf(1_280, 8_000)])
  const newest = (number: number) => wires[type].newest(player.bodies()[number])
  assert.match(JSON.stringify(newest(0)[1]), /Image omitted: one of its sides is longer/)
  assert.equal((newest(0)[2] as { type: string }).type, 'image')
  const images = (body: Body) => JSON.stringify(body).split('"type":"image"').length - 1
  await say([text, ...Array.from({ length: 20 }, () => imageOf(2_000, 100))])
  assert.equal(images(player.bodies()[1]), 20)
  await say([text, imageOf(100, 100)])
  assert.equal(images(player.bodies()[2]), 21)
  await say([text, imageOf(100, 3_000)])
  assert.equal(images(player.bodies()[3]), 20)
  const other = await talkToPlayer(t, server(), { type: 'openai', takes: [{}] })
  await other.say([text, imageOf(1_280, 12_000)])
  assert.match(JSON.stringify(other.player.bodies()[0]), /input_image/)
})

test('an image whose address a vendor cannot fetch does not fail its session', async (t) => {
  const { url } = await startGallery(t)
  const vendor = await startAnyVendor(t, ({ body }, response) => {
    if (body.includes(url)) {
      response.writeHead(400, { 'content-type': 'application/json' })
      return response.end('{"type":"error","error":{"message":"Unable to download the file."}}')
    }
    const reply = { id: 'reply', pieces: [{ text: 'Done.' }], usage: { input: 3, output: 7 } }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(wires.anthropic.write(reply))
  })
  const about = { base_url: vendor.url, model_id: wires.anthropic.model }
  const { say } = await talkTo(server(), await addModel(server(), 'anthropic', about))
  const expired = { type: 'image', url: `${url}/none.png` }
  const { events } = await say([text, expired, { type: 'image', url: `${url}/red.png` }])
  assert.equal(replyOf(events), 'Done.')
  const sent = JSON.parse(vendor.asked.at(-1)!.body)
  const parts = wires.anthropic.newest(sent)
  assert.match(JSON.stringify(parts[1]), /its URL does not return an image/)
  assert.deepEqual(parts[2], inlinedImage('anthropic'))
})
