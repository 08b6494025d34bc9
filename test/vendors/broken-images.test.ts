import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { expectStatus } from '../../apps/server/test/access.ts'
import { pngChunk, pngOf, webpOf } from '../../apps/server/test/pictures.ts'
import { addMcpServer, startMcp } from '../../apps/server/test/remotes/mcp.ts'
import { page, startSite } from '../../apps/server/test/remotes/site.ts'
import { dataOf, replyOf } from '../../apps/server/test/session.ts'
import { redImage, smallImages } from './image.ts'
import { playReplies, type Refuse, type Take, talkToPlayer } from './recorded.ts'
import { addModel, serverOfFile, talkTo } from './talk.ts'
import { type WireType, wires, wireTypes } from './wires/index.ts'
import type { Body } from './wires/wire.ts'

const server = serverOfFile()
const text = { type: 'text', text: 'What is this?' }
const reason = 'it is not a complete PNG, JPEG, GIF or WebP image'
const shownText = `[Image omitted: ${reason}.]`

const bytesOf = (base64: string) => Buffer.from(base64, 'base64')
const red = bytesOf(redImage)
const imageOf = (bytes: Buffer) => ({ type: 'image', base64: bytes.toString('base64') })

const small = smallImages.map(([, base64]) => bytesOf(base64))

const isGif = (bytes: Buffer) => bytes.toString().startsWith('GIF')

/** A WebP with a canvas and no image. */
function emptyWebp(): Buffer {
  const bytes = webpOf(1, 1, { width: 1, height: 1 }).subarray(0, 30)
  bytes.writeUInt32LE(bytes.length - 8, 4)
  return bytes
}

/** Images without their end, pixels or size, which common decoders refuse. */
const brokenImages = [
  ...small.map((bytes) => bytes.subarray(0, bytes.length / 2)),
  ...small.filter((bytes) => !isGif(bytes)).map((bytes) => bytes.subarray(0, -1)),
  Buffer.concat([red.subarray(0, 33), pngChunk('IEND', Buffer.alloc(0))]),
  emptyWebp(),
  pngOf(0, 5),
  Buffer.concat([red.subarray(0, 16), Buffer.alloc(1_000, 7)]),
]

const imagesIn = (body: Body) =>
  JSON.stringify(body).match(/(?:iVBORw0KGgo|\/9j\/|R0lGOD|UklGR)[^"]*/g) ?? []

/** Refuses requests with other images than these, as vendors refuse those that do not decode. */
const refuseUnless =
  (whole: readonly string[]): Refuse =>
  (body) =>
    imagesIn(body).every((image) => whole.includes(image))
      ? undefined
      : [400, { error: { message: 'Could not process image' } }]

const omittedIn = (events: Parameters<typeof dataOf>[0]) =>
  dataOf(events, 'llm.generation').metadata.omitted_images

const textsIn = (body: Body) => JSON.stringify(body).split(shownText).length - 1

async function talk(
  t: TestContext,
  type: WireType,
  whole: readonly string[],
  takes: Take[] = [{}],
) {
  return talkToPlayer(t, server(), { type, takes, refuse: refuseUnless(whole) })
}

for (const type of wireTypes) {
  describe(`images in messages for ${type}`, () => {
    test('a session continues after broken images, which the model gets as texts', async (t) => {
      const { session, say, player } = await talk(t, type, [redImage])
      const images = brokenImages.map(imageOf)
      const first = await say([text, ...images, imageOf(red)])
      const second = await say('And now?')
      for (const [at, { events }] of [first, second].entries()) {
        assert.equal(replyOf(events), 'Done.')
        assert.deepEqual(
          omittedIn(events),
          images.map(() => ({ reason })),
        )
        const body = player.bodies()[at]
        assert.equal(textsIn(body), images.length)
        assert.deepEqual(imagesIn(body), [redImage])
      }
      const path = `/v1/sessions/${session.id}/why`
      const why = expectStatus(await server().call('GET', path), 200)
      assert.equal(why.omitted_images.length, images.length)
    })

    test('an image of each type is sent unchanged', async (t) => {
      const whole = smallImages.map(([, base64]) => base64)
      const { say, player } = await talk(t, type, whole)
      const { events } = await say([text, ...whole.map((base64) => ({ type: 'image', base64 }))])
      await say('And now?')
      assert.equal(omittedIn(events), undefined)
      for (const body of player.bodies()) assert.deepEqual(imagesIn(body), whole)
      const sent = JSON.stringify(player.bodies()[0])
      for (const [media_type] of smallImages) assert.ok(sent.includes(media_type), media_type)
    })
  })
}

test('images that decoders read are sent, also those that uploads refuse', async (t) => {
  const whole = [
    ...small.map((bytes) => Buffer.concat([bytes, Buffer.from('\0after it')])),
    ...small.filter(isGif).map((bytes) => bytes.subarray(0, -1)),
    pngOf(10_000, 5_000, { pixels: false }),
  ].map((bytes) => bytes.toString('base64'))
  const { say, player } = await talk(t, 'openai', whole)
  const { events } = await say([text, ...whole.map((base64) => ({ type: 'image', base64 }))])
  assert.equal(omittedIn(events), undefined)
  assert.deepEqual(imagesIn(player.bodies()[0]), whole)
})

test('other forms of base64 are sent in the one that vendors accept', async (t) => {
  const bytes = bytesOf(smallImages[1]![1])
  const plain = bytes.toString('base64')
  assert.match(plain, /[+/].*=$/)
  const forms = [
    plain.replace(/.{76}/g, '$&\r\n'),
    ` ${plain}\n`,
    plain.replaceAll('=', ''),
    bytes.toString('base64url'),
  ]
  const { say, player } = await talk(t, 'openai', [plain])
  await say([text, ...forms.map((base64) => ({ type: 'image', base64 }))])
  const { events } = await say('And now?')
  assert.equal(replyOf(events), 'Done.')
  assert.equal(omittedIn(events), undefined)
  for (const body of player.bodies())
    assert.deepEqual(
      imagesIn(body),
      forms.map(() => plain),
    )
})

test('an image that is not base64 becomes a text', async (t) => {
  const { say, player } = await talk(t, 'openai', [])
  const wrong = [
    `data:image/png;base64,${redImage}`,
    `${redImage.slice(0, 100)}%${redImage.slice(100)}`,
    `${redImage}"`,
    `${redImage.slice(0, 100)}=${redImage.slice(100)}`,
  ]
  await say([text, ...wrong.map((base64) => ({ type: 'image', base64 }))])
  const { events } = await say('And now?')
  assert.equal(replyOf(events), 'Done.')
  assert.deepEqual(
    omittedIn(events),
    wrong.map(() => ({ reason })),
  )
  for (const body of player.bodies()) assert.equal(textsIn(body), wrong.length)
})

test('a session continues after broken images that the server fetched', async (t) => {
  const images = [...brokenImages, red]
  const site = await startSite(
    t,
    Object.fromEntries(
      images.map((bytes, at) => [`/${at}`, page(bytes, { 'content-type': 'image/png' })]),
    ),
  )
  const { say, player } = await talk(t, 'google', [redImage])
  const first = await say([
    text,
    ...images.map((_, at) => ({ type: 'image', url: `${site.url}/${at}` })),
  ])
  const second = await say('And now?')
  for (const [at, { events }] of [first, second].entries()) {
    assert.equal(replyOf(events), 'Done.')
    assert.deepEqual(
      omittedIn(events),
      brokenImages.map(() => ({ reason })),
    )
    const body = player.bodies()[at]
    assert.equal(textsIn(body), brokenImages.length)
    assert.deepEqual(imagesIn(body), [redImage])
  }
})

const refusals = {
  'a file that it cannot decode': 'Could not process image',
  'forbidden content': 'The image violates our content policy.',
}

for (const [name, message] of Object.entries(refusals)) {
  test(`a session continues after an image that the vendor refuses for ${name}`, async (t) => {
    const bad = bytesOf(smallImages[1]![1])
    const isBad = (body: Body) => imagesIn(body).some((image) => image !== redImage)
    const refuse: Refuse = (body) => (isBad(body) ? [400, { error: { message } }] : undefined)
    const { say, player } = await talkToPlayer(t, server(), { type: 'openai', takes: [{}], refuse })
    const omitted = [{ reason: 'the provider of the model refused a request with images' }]
    const turns: [given: object[], images: number[], omitted: object[] | undefined][] = [
      [[text, imageOf(bad)], [1, 0], omitted],
      [[text, imageOf(red)], [2, 1], omitted],
      [[text], [2, 1], omitted],
    ]
    for (const [given, images, expected] of turns) {
      const before = player.requests.length
      const { events } = await say(given)
      assert.equal(replyOf(events), 'Done.')
      assert.deepEqual(omittedIn(events), expected)
      const sent = player.bodies().slice(before)
      assert.deepEqual(
        sent.map((body) => imagesIn(body).length),
        images,
      )
      assert.match(JSON.stringify(sent.at(-1)), /Image omitted: the provider of the model refused/)
    }
  })
}

test('a refusal for another reason fails the turn after a request without images', async (t) => {
  const refuse: Refuse = () => [400, { error: { message: 'The seed is not valid.' } }]
  const { say, player } = await talkToPlayer(t, server(), { type: 'openai', takes: [{}], refuse })
  const { events } = await say([text, imageOf(red)])
  const { metadata } = dataOf(events, 'llm.generation')
  assert.match(metadata.error!, /The seed is not valid/)
  assert.deepEqual(
    player.bodies().map((body) => imagesIn(body).length),
    [1, 0],
  )
  assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_error')
})

let tools = 0

for (const type of ['openai', 'anthropic', 'google'] as const) {
  test(`a session for ${type} continues after a result with broken images`, async (t) => {
    const images = [...brokenImages.slice(0, 18), red].map((bytes) => bytes.toString('base64'))
    const shown = images.map((data) => ({ type: 'image', mimeType: 'image/png', data }))
    const mcp = await startMcp(t, {
      'tools/call': ({ answer }) =>
        answer({ content: [{ type: 'text', text: 'Look:' }, ...shown] }),
    })
    tools += 1
    const name = `broken${tools}`
    const added = await addMcpServer(server(), mcp.url, { name })
    // A turn waits 5 s only for a first list of tools.
    expectStatus(await server().call('POST', `${added.path}/test`), 200)
    const takes = [{ pieces: [{ call: 'call_1', name: `mcp_${name}__say`, input: {} }] }, {}]
    const player = await playReplies(t, type, takes, refuseUnless([redImage]))
    const about = { base_url: player.base_url, model_id: wires[type].model }
    const model = await addModel(server(), type, about)
    const { say } = await talkTo(server(), model, { capabilities: [{ ref: added.ref }] })
    await say('Show me.')
    const { events } = await say('And again?')
    assert.equal(replyOf(events), 'Done.')
    assert.deepEqual(
      omittedIn(events),
      images.slice(1).map(() => ({ reason })),
    )
    for (const body of player.bodies().slice(1)) {
      assert.equal(textsIn(body), images.length - 1)
      assert.deepEqual(imagesIn(body), [redImage])
    }
  })
}
