import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { pngOf, pngOfBytes } from '../../../../test/pictures.ts'
import { startFetching, takeAllFetches } from '../../../../test/remotes/fetching.ts'
import { type Page, page, startSite } from '../../../../test/remotes/site.ts'
import { addVendorModel, startVendor } from '../../../../test/remotes/vendor.ts'
import { rarely, schedules, sending } from '../../../../test/schedules.ts'
import { startServer } from '../../../../test/server.ts'
import { createSession, eventsOf, typesOf } from '../../../../test/session.ts'
import { follow } from '../../../../test/stream.ts'
import { eventually } from '../../../../test/waiting.ts'

type Server = Awaited<ReturnType<typeof startServer>>

const mebibyte = 1024 * 1024

/** Serves images of one size. Counts requests, concurrent requests, and bytes sent. */
async function startImages(t: TestContext, sizeBytes: number) {
  const seen = { requests: 0, open: 0, openMax: 0 }
  const image = pngOfBytes(sizeBytes)
  const pages = Object.fromEntries(
    Array.from({ length: 200 }, (_, at) => [
      `/${at}.png`,
      async (_request: unknown, response: ServerResponse) => {
        seen.requests += 1
        seen.open += 1
        seen.openMax = Math.max(seen.openMax, seen.open)
        response.on('close', () => {
          seen.open -= 1
        })
        response.writeHead(200, { 'content-type': 'image/png', 'content-length': sizeBytes })
        response.end(image)
      },
    ]),
  )
  const { url } = await startSite(t, pages)
  const urlOf = (at: number) => `${url}/${at}.png`
  return { seen, urlOf }
}

/** Starts a session on a Chat Completions provider, whose vendor fetches no URLs. */
async function start(t: TestContext, failing = 0, given?: Server) {
  const env = { PRIVATE_HOSTS_ALLOWED: 'image=127.0.0.1,provider=127.0.0.1' }
  const server = given ?? (await startServer(t, { env }))
  const vendor = await startVendor(t, ({ number }) =>
    number <= failing ? { status: 500 } : { text: 'seen' },
  )
  await addVendorModel(server, vendor)
  const session = await createSession(server)
  const say = async (...content: object[]) => {
    const last = (await eventsOf(server, session.id, '?types=session.started,session.idled')).at(
      -1,
    )!.sequence
    const query = `?after_sequence=${last}&types=session.idled`
    const stream = await follow(t, server.url, { sessionId: session.id, query })
    const message = { content: [{ type: 'text', text: 'Look.' }, ...content] }
    const posted = await server.call('POST', `/v1/sessions/${session.id}/messages`, { message })
    assert.equal(posted.status, 201, JSON.stringify(posted.body))
    await stream.event('session.idled')
    stream.close()
  }
  return { server, vendor, session, say }
}

type Part = { type: string; text?: string; image_url?: { url: string } }

const partsOf = (request: { body: { messages: { content?: unknown }[] } } | undefined) =>
  request!.body.messages.flatMap(({ content }) =>
    Array.isArray(content) ? (content as Part[]) : [],
  )

const placeholders = (parts: Part[]) =>
  parts.filter(({ text }) => text?.includes('only newer images fit into one request'))
const imagesIn = (parts: Part[]) => parts.filter(({ type }) => type === 'image_url')

test('refuses a message with more than 20 images without fetching any', async (t) => {
  const { server, session, vendor } = await start(t)
  const host = await startImages(t, 1_000)
  const before = typesOf(await eventsOf(server, session.id))
  for (const count of [21, 130]) {
    const content = Array.from({ length: count }, (_, at) => ({
      type: 'image',
      url: host.urlOf(at),
    }))
    const path = `/v1/sessions/${session.id}/messages`
    const { status, body } = await server.call('POST', path, { message: { content } })
    assert.equal(status, 400)
    assert.equal(body.code, 'invalid_request')
    assert.deepEqual(body.details, [
      { path: 'message/content', message: 'must have at most 20 images' },
    ])
    const target = sending(session.id, { text: null, message: { content } })
    const schedule = { name: 'Many', cron_expression: rarely, target }
    const scheduled = await server.call('POST', schedules, schedule)
    assert.equal(scheduled.status, 400, JSON.stringify(scheduled.body))
    assert.match(JSON.stringify(scheduled.body), /must have at most 20 images/)
  }
  assert.deepEqual(typesOf(await eventsOf(server, session.id)), before)
  assert.equal(host.seen.requests + vendor.requests.length, 0)
})

test('fetches at most 4 images at once, and only the newest that fit into one request', async (t) => {
  const { say, vendor } = await start(t)
  const host = await startImages(t, 5 * mebibyte)
  const urls = Array.from({ length: 20 }, (_, at) => ({ type: 'image', url: host.urlOf(at) }))
  await say(...urls)
  const parts = partsOf(vendor.requests[0])
  // 4 images of 5 MiB are 27 MiB in base64; a fifth would be more than 32 MiB.
  assert.equal(imagesIn(parts).length, 4)
  assert.equal(placeholders(parts).length, 16)
  assert.deepEqual(
    parts.slice(-5).map(({ type }) => type),
    ['text', 'image_url', 'image_url', 'image_url', 'image_url'],
  )
  assert.ok(host.seen.openMax <= 4, `${host.seen.openMax} at once`)
  assert.ok(host.seen.requests <= 6, `${host.seen.requests} requests`)
})

test('sends at most 100 images of a long conversation and fetches no more', async (t) => {
  const { say, vendor } = await start(t)
  const host = await startImages(t, 100)
  for (let from = 0; from < 120; from += 20) {
    await say(
      ...Array.from({ length: 20 }, (_, at) => ({ type: 'image', url: host.urlOf(from + at) })),
    )
  }
  const before = host.seen.requests
  await say({ type: 'image', url: host.urlOf(120) })
  assert.equal(host.seen.requests - before, 100)
  const parts = partsOf(vendor.requests.at(-1))
  assert.equal(imagesIn(parts).length, 100)
  assert.equal(placeholders(parts).length, 21)
  assert.ok(host.seen.openMax <= 4, `${host.seen.openMax} at once`)
})

test('replaces the oldest images that came as base64 when all of them do not fit', async (t) => {
  const { say, vendor } = await start(t)
  const base64 = pngOfBytes(5 * mebibyte).toString('base64')
  for (let count = 0; count < 6; count += 1) {
    await say({ type: 'image', base64, media_type: 'image/png' })
  }
  const parts = partsOf(vendor.requests.at(-1))
  assert.equal(imagesIn(parts).length, 4)
  assert.equal(placeholders(parts).length, 2)
  assert.match(parts.at(-1)!.image_url!.url, /^data:image\/png;base64,/)
})

test('fetches an image once for all attempts at a model call', async (t) => {
  const { say, vendor } = await start(t, 2)
  const host = await startImages(t, 1_000)
  await say({ type: 'image', url: host.urlOf(0) }, { type: 'image', url: host.urlOf(0) })
  assert.equal(vendor.requests.length, 3)
  for (const request of vendor.requests) assert.equal(imagesIn(partsOf(request)).length, 2)
  assert.equal(host.seen.requests, 1)
})

test('images that a model call had no time to fetch are fetched for the next one', async (t) => {
  const { say, vendor } = await start(t, 1)
  const limit = AbortSignal.timeout
  // The limits of one image and of all, 15 s and 60 s, as 0.5 s and 2 s in the first call.
  t.mock.method(AbortSignal, 'timeout', (ms: number) =>
    limit(ms < 15_000 || vendor.requests.length > 0 ? ms : ms / 30),
  )
  const hanging: Page = (_, response) => {
    if (vendor.requests.length > 0) page(pngOf(1, 1), { 'content-type': 'image/png' })(_, response)
  }
  const names = Array.from({ length: 20 }, (_, at) => `/${at}.png`)
  const site = await startSite(t, Object.fromEntries(names.map((name) => [name, hanging])))
  await say(...names.map((name) => ({ type: 'image', url: site.url + name })))
  const [first, second] = vendor.requests.map(partsOf)
  const tooLate = (parts: Part[]) =>
    parts.filter(({ text }) => text?.includes('the images of the request took too long to fetch'))
  assert.match(first!.at(-1)!.text!, /its URL cannot be reached/)
  assert.ok(tooLate(first!).length >= 4, `${tooLate(first!).length} of them`)
  assert.equal(imagesIn(second!).length, tooLate(first!).length)
  assert.equal(tooLate(second!).length, 0)
})

test('an image for which no fetch was free is fetched for the next attempt', async (t) => {
  const server = await startFetching(t)
  const picture = page(pngOf(1, 1), { 'content-type': 'image/png' })
  const site = await startSite(t, { '/a.png': picture })
  const { release } = await takeAllFetches(t, server)
  const { say, vendor } = await start(t, 1, server)
  const limit = AbortSignal.timeout
  // The limit of one image, 15 s, as 0.5 s in the first attempt.
  t.mock.method(AbortSignal, 'timeout', (ms: number) =>
    limit(ms === 15_000 && vendor.requests.length === 0 ? 500 : ms),
  )
  const said = say({ type: 'image', url: `${site.url}/a.png` })
  const first = await eventually(async () => vendor.requests[0])
  await Promise.all([release(), said])
  assert.match(partsOf(first).at(-1)!.text!, /too much else is being fetched/)
  assert.equal(imagesIn(partsOf(vendor.requests.at(-1))).length, 1)
})

test('sends the type that the bytes of an image have, and text for what is no image', async (t) => {
  const { server, session, say, vendor } = await start(t)
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')
  const site = await startSite(t, {
    '/a.svg': page(svg, { 'content-type': 'image/svg+xml' }),
    '/a.png': page(pngOf(1, 1), { 'content-type': 'image/jpeg' }),
  })
  await say(
    { type: 'image', base64: svg.toString('base64'), media_type: 'image/svg+xml' },
    { type: 'image', base64: Buffer.from('hello world').toString('base64') },
    { type: 'image', base64: pngOf(1, 1).toString('base64') },
    { type: 'image', url: `${site.url}/a.svg` },
    { type: 'image', url: `${site.url}/a.png` },
  )
  const parts = partsOf(vendor.requests.at(-1))
  const pngs = imagesIn(parts).map(({ image_url }) => image_url!.url.slice(0, 22))
  assert.deepEqual(pngs, ['data:image/png;base64,', 'data:image/png;base64,'])
  const texts = parts.filter(({ text }) =>
    text?.includes('it is not a complete PNG, JPEG, GIF or WebP'),
  )
  assert.equal(texts.length, 3)
  await say()
  const types = typesOf(await eventsOf(server, session.id))
  assert.equal(types.filter((type) => type === 'turn.completed').length, 2)
})
