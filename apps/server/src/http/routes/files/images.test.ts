import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../../test/access.ts'
import { queryRows } from '../../../../test/database.ts'
import {
  formOf,
  gifOf,
  jpegOf,
  pngChunk,
  pngOf,
  pngOfBytes,
  webpOf,
} from '../../../../test/pictures.ts'
import { type Call, startServer } from '../../../../test/server.ts'
import { createSession } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'

const mebibyte = 1024 * 1024
const unknown = `img_${'0'.repeat(32)}`

const upload = async (call: Call, bytes: Buffer, name?: string) =>
  expectStatus(await call('POST', '/v1/images', formOf(bytes, name)), 201)

async function bytesOf(url: string, path: string, headers: Record<string, string> = {}) {
  const response = await fetch(url + path, { headers })
  return { response, bytes: Buffer.from(await response.arrayBuffer()) }
}

test('stores images of four types by their bytes, and returns them unchanged', async (t) => {
  const { url, call } = await startServer(t)
  for (const [type, bytes] of [
    ['image/png', pngOf(3, 2)],
    ['image/jpeg', jpegOf(3, 2)],
    [
      'image/gif',
      gifOf(3, 2, [
        { width: 3, height: 2 },
        { width: 1, height: 1 },
      ]),
    ],
    // Without its trailer, which some writers omit.
    ['image/gif', gifOf(3, 2).subarray(0, -1)],
    ['image/webp', webpOf(3, 2)],
    ['image/webp', webpOf(3, 2, { width: 3, height: 2 })],
  ] as const) {
    const image = await upload(call, bytes, 'not-a.png')
    const { id, created_at, ...about } = image
    assert.match(id, /^img_[0-9a-f]{32}$/)
    assert.deepEqual(about, {
      filename: 'not-a.png',
      content_type: type,
      size_bytes: bytes.length,
    })
    const { response, bytes: read } = await bytesOf(url, `/v1/images/${id}`)
    assert.deepEqual(read, bytes)
    assert.equal(response.headers.get('content-type'), type)
    assert.equal(response.headers.get('content-length'), String(bytes.length))
    const [listed] = expectStatus(await call('GET', '/v1/images'), 200)
    assert.deepEqual(listed, { ...image, metadata: { width: 3, height: 2 } })
    expectStatus(await call('GET', `/v1/images/${id}/thumbnail`), 404, 'not_found')
  }
})

test('returns images of several megabytes, read in pieces', async (t) => {
  const { url, call } = await startServer(t)
  const bytes = pngOfBytes(5 * mebibyte + 1)
  const { id } = await upload(call, bytes)
  assert.ok((await bytesOf(url, `/v1/images/${id}`)).bytes.equals(bytes))
})

test('lists images as an array, newest first, in pages', async (t) => {
  const { call } = await startServer(t)
  const ids: string[] = []
  for (let count = 0; count < 4; count += 1) ids.unshift((await upload(call, pngOf(1, 1))).id)
  const idsAt = async (query: string) =>
    expectStatus(await call('GET', `/v1/images${query}`), 200).map(({ id }: { id: string }) => id)
  assert.deepEqual(await idsAt(''), ids)
  assert.deepEqual(await idsAt('?limit=2'), ids.slice(0, 2))
  assert.deepEqual(await idsAt('?limit=2&offset=3'), ids.slice(3))
  expectStatus(await call('GET', '/v1/images?limit=0'), 400, 'invalid_request')
})

test('refuses files that are no whole image of a known type', async (t) => {
  const { call } = await startServer(t)
  const png = pngOf(3, 2)
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
  for (const [bytes, reason] of [
    [Buffer.alloc(0), /it is empty/],
    [Buffer.from(svg), /another type/],
    [Buffer.from('<!doctype html><script>alert(1)</script>'), /another type/],
    [Buffer.from('BM0000'), /another type/],
    [png.subarray(0, 8), /truncated/],
    [png.subarray(0, -13), /truncated/],
    [jpegOf(3, 2).subarray(0, -2), /truncated/],
    [Buffer.from([0xff, 0xd8, 0xff]), /truncated/],
    [gifOf(3, 2).subarray(0, -2), /truncated/],
    [gifOf(3, 2, []), /truncated/],
    [webpOf(3, 2).subarray(0, -1), /truncated/],
    [png.subarray(0, 33), /truncated/],
    [Buffer.concat([png.subarray(0, 33), pngChunk('IEND', Buffer.alloc(0))]), /damaged/],
    [pngOf(0, 5), /no size/],
    [jpegOf(0, 5), /no size/],
  ] as const) {
    const answer = await call('POST', '/v1/images', formOf(bytes as Buffer, 'chart.png'))
    assert.match(expectStatus(answer, 400, 'not_an_image').error, reason)
  }
})

test('refuses images with too many pixels by their header, in every place that has a size', async (t) => {
  const { call } = await startServer(t)
  const frame = Buffer.alloc(26)
  frame.writeUInt32BE(60_000, 4)
  frame.writeUInt32BE(60_000, 8)
  for (const bytes of [
    pngOf(60_000, 60_000, { pixels: false }),
    pngOf(1, 1, { extra: [pngChunk('fcTL', frame)] }),
    jpegOf(60_000, 60_000),
    gifOf(65_535, 65_535),
    gifOf(1, 1, [{ width: 65_535, height: 65_535 }]),
    webpOf(16_383, 16_383),
    webpOf(1, 1, { width: 60_000, height: 60_000 }),
    webpOf(16_383, 16_383, { width: 1, height: 1 }),
  ]) {
    const answer = await call('POST', '/v1/images', formOf(bytes))
    assert.match(expectStatus(answer, 413, 'image_too_large').error, /40000000 pixels/)
  }
  await upload(call, pngOf(8_000, 5_000, { pixels: false }))
})

test('accepts 20 MiB and refuses more', async (t) => {
  const { call } = await startServer(t)
  await upload(call, pngOfBytes(20 * mebibyte))
  const over = await call('POST', '/v1/images', formOf(pngOfBytes(20 * mebibyte + 1)))
  expectStatus(over, 413, 'image_too_large')
  const more = await call('POST', '/v1/images', formOf(pngOfBytes(21 * mebibyte)))
  expectStatus(more, 413, 'body_too_large')
})

test('serves a file that is also a page so that a browser runs nothing of it', async (t) => {
  const { url, call } = await startServer(t)
  const page = Buffer.from('<script>alert(document.cookie)</script>')
  const polyglot = Buffer.concat([pngOf(1, 1, { extra: [pngChunk('tEXt', page)] }), page])
  const { id } = await upload(call, polyglot, 'x"; filename="evil.html')
  const { response } = await bytesOf(url, `/v1/images/${id}`)
  const header = (name: string) => response.headers.get(name)
  assert.equal(header('content-type'), 'image/png')
  assert.equal(header('x-content-type-options'), 'nosniff')
  assert.match(header('content-security-policy')!, /^sandbox; default-src 'none'/)
  assert.equal(header('cache-control'), 'private, max-age=31536000, immutable')
  assert.equal(header('cross-origin-resource-policy'), 'same-origin')
  assert.equal(
    header('content-disposition'),
    `inline; filename="x_; filename=_evil.html"; filename*=UTF-8''x%22%3B%20filename%3D%22evil.html`,
  )
})

test('keeps only the last part of a file name, on one line', async (t) => {
  const { call } = await startServer(t)
  for (const [given, kept] of [
    ['../../etc/passwd', 'passwd'],
    ['C:\\pictures\\a.png', 'a.png'],
    ['a\r\nset-cookie: x.png', 'a  set-cookie: x.png'],
    ['größe 🐟.png', 'größe 🐟.png'],
    ['\u202egnp.exe', 'gnp.exe'],
    ['x'.repeat(300), 'x'.repeat(255)],
    ['', 'image'],
  ] as const) {
    assert.equal((await upload(call, pngOf(1, 1), given)).filename, kept)
  }
})

test('reads forms of other clients, and refuses bodies that are no such form', async (t) => {
  const { url } = await startServer(t)
  const png = pngOf(1, 1)
  const send = async (type: string, ...parts: (string | Buffer)[]) => {
    const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)))
    const headers = { 'content-type': type }
    const response = await fetch(`${url}/v1/images`, { method: 'POST', headers, body })
    return { status: response.status, body: (await response.json()) as Record<string, string> }
  }
  const type = 'multipart/form-data; boundary="a b"'
  const head = (about: string) => `--a b\r\nContent-Disposition: form-data; ${about}\r\n\r\n`
  const end = '\r\n--a b--\r\n'
  const other = 'name="note"'
  const named = await send(
    type,
    `preamble\r\n${head(other)}text\r\n`,
    head(`name=file; filename="a.png"; filename*=UTF-8''%C3%A9.png`),
    png,
    end,
  )
  assert.equal(named.status, 201, JSON.stringify(named.body))
  assert.equal(named.body.filename, 'é.png')
  for (const [media, ...parts] of [
    ['multipart/form-data', head('name="file"'), png, end],
    [type, head(other), png, end],
    [type, head('name="file"'), png],
    [type, '--a b\r\n'],
    [type, `--a b\r\n${'x'.repeat(10_000)}\r\n\r\n`, png, end],
    [
      type,
      ...Array.from({ length: 25 }, () => `${head(other)}x\r\n`),
      head('name="file"'),
      png,
      end,
    ],
    [type, ''],
  ] as [string, ...(string | Buffer)[]][]) {
    const { status, body } = await send(media, ...parts)
    assert.deepEqual([status, body.code], [400, 'invalid_request'], JSON.stringify(body))
  }
  for (const media of ['application/json', 'image/png']) {
    const { status, body } = await send(media, png)
    assert.deepEqual([status, body.code], [415, 'unsupported_media_type'])
    assert.match(body.error!, /multipart\/form-data/)
  }
})

test('deletes an image and counts what is stored', async (t) => {
  const { call, databaseUrl } = await startServer(t)
  const counted = async () =>
    (
      await queryRows<{ bytes: number }>(
        databaseUrl,
        `select coalesce(sum(stored_bytes), 0)::int as bytes from counters where agent_id = 'images'`,
      )
    )[0]!.bytes
  const png = pngOf(4, 4)
  const [first, second] = [await upload(call, png), await upload(call, png)]
  const blobs = await queryRows(databaseUrl, 'select from blobs')
  assert.equal(blobs.length, 1)
  assert.equal(await counted(), 2 * (png.length + 1_024))
  expectStatus(await call('DELETE', `/v1/images/${first.id}`), 204)
  expectStatus(await call('GET', `/v1/images/${first.id}`), 404, 'not_found')
  expectStatus(await call('DELETE', `/v1/images/${first.id}`), 404, 'not_found')
  expectStatus(await call('GET', `/v1/images/${second.id}`), 200)
  assert.equal(await counted(), png.length + 1_024)
  expectStatus(await call('GET', `/v1/images/${unknown}`), 404, 'not_found')
  expectStatus(await call('GET', '/v1/images/img_1'), 400, 'invalid_id')
})

test('repeats an upload with the same key once', async (t) => {
  const { call } = await startServer(t)
  const headers = { 'idempotency-key': 'upload-1' }
  const send = (bytes: Buffer) => call('POST', '/v1/images', formOf(bytes), headers)
  const first = expectStatus(await send(pngOf(2, 2)), 201)
  assert.equal(expectStatus(await send(pngOf(2, 2)), 201).id, first.id)
  expectStatus(await send(pngOf(3, 3)), 409, 'idempotency_key_reused')
  assert.equal(expectStatus(await call('GET', '/v1/images'), 200).length, 1)
})

test('an upload with the same key for another session is refused', async (t) => {
  const server = await startServer(t)
  const [one, other] = [await createSession(server), await createSession(server)]
  const headers = { 'idempotency-key': 'upload-1' }
  const send = (query: string) =>
    server.call('POST', `/v1/images${query}`, formOf(pngOf(2, 2)), headers)
  const first = expectStatus(await send(`?session_id=${one.id}`), 201)
  assert.equal(expectStatus(await send(`?session_id=${one.id}`), 201).id, first.id)
  for (const query of [`?session_id=${other.id}`, '']) {
    expectStatus(await send(query), 409, 'idempotency_key_reused')
  }
  assert.equal(expectStatus(await server.call('GET', '/v1/images'), 200).length, 1)
})

test('counts images in the quota, also very small ones', async (t) => {
  const server = await startGuarded(t, { env: { QUOTA_STORAGE_MB: '1' } })
  const { call } = await registerPerson(server)
  expectStatus(await call('POST', '/v1/images', formOf(pngOfBytes(900 * 1024))), 201)
  let stored = 0
  for (;;) {
    const { status, body } = await call('POST', '/v1/images', formOf(pngOf(1, 1)))
    if (status !== 201) {
      assert.deepEqual([status, body.code], [403, 'quota_exceeded'])
      break
    }
    stored += 1
    assert.ok(stored < 500, 'the number of images is not limited')
  }
})

test('hides images from other organizations and from session tokens', async (t) => {
  const server = await startGuarded(t)
  const [ada, bea] = [await registerPerson(server), await registerPerson(server)]
  const { id } = await upload(ada.call, pngOf(1, 1))
  for (const [method, path] of [
    ['GET', `/v1/images/${id}`],
    ['GET', `/v1/images/${id}/thumbnail`],
    ['DELETE', `/v1/images/${id}`],
  ] as const) {
    expectStatus(await bea.call(method, path), 404, 'not_found')
  }
  assert.deepEqual(expectStatus(await bea.call('GET', '/v1/images'), 200), [])
  const viewer = await createKey(server, ada, { scopes: ['read'] })
  expectStatus(await viewer.call('POST', '/v1/images', formOf(pngOf(1, 1))), 403, 'forbidden')
  const mine = { url: server.url, call: ada.call }
  const session = await createSession(mine)
  const other = await createSession(mine)
  const tokens = `/v1/sessions/${session.id}/tokens`
  const { token } = expectStatus(await ada.call('POST', tokens, { access: 'write' }), 201)
  const page = callerWith(server.url, `Bearer ${token}`)
  for (const [method, path] of [
    ['GET', '/v1/images'],
    ['GET', `/v1/images/${id}`],
    ['DELETE', `/v1/images/${id}`],
  ] as const) {
    expectStatus(await page(method, path), 403, 'users_only')
  }
  expectStatus(await page('POST', '/v1/images', formOf(pngOf(1, 1))), 403, 'users_only')
  const to = (sessionId: string) => `/v1/images?session_id=${sessionId}`
  const uploadTo = async (sessionId: string) =>
    expectStatus(await ada.call('POST', to(sessionId), formOf(pngOf(1, 1))), 201).id
  const [own, foreign] = [await uploadTo(session.id), await uploadTo(other.id)]
  const say = (call: Call, image_id: string) =>
    call('POST', `/v1/sessions/${session.id}/messages`, {
      message: { content: [{ type: 'image_file', image_id }] },
    })
  expectStatus(await say(page, id), 400, 'image_unknown')
  expectStatus(await say(page, foreign), 400, 'image_unknown')
  expectStatus(await say(page, own), 201)
  const metadata = { image_id: id }
  const spoof = { message: { content: [{ type: 'text', text: 'Hi' }] }, metadata }
  expectStatus(await page('POST', `/v1/sessions/${session.id}/messages`, spoof), 201)
  expectStatus(await say(page, id), 400, 'image_unknown')
  expectStatus(await say(ada.call, id), 201)
  expectStatus(await say(page, id), 201)
  expectStatus(await bea.call('POST', to(session.id), formOf(pngOf(1, 1))), 404, 'not_found')
  const theirs = await createSession({ url: server.url, call: bea.call })
  const message = { message: { content: [{ type: 'image_file', image_id: id }] } }
  const path = `/v1/sessions/${theirs.id}/messages`
  expectStatus(await bea.call('POST', path, message), 400, 'image_unknown')
})

test('an end user edits a message with an image several times, with images of the own log', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server)
  const { call } = await createKey(server, person)
  const mine = { url: server.url, call }
  const operations = ['create_message', 'fork_session', 'retake_message']
  const grants = { user: 'ada', access: 'write', operations }
  const { token } = expectStatus(await call('POST', '/v1/tokens', grants), 201)
  const page = callerWith(server.url, `Bearer ${token}`)
  const session = await createSession(mine, { user: 'ada' })
  const uploadTo = async (id: string) =>
    expectStatus(await call('POST', `/v1/images?session_id=${id}`, formOf(pngOf(1, 1))), 201).id
  const image_id = await uploadTo(session.id)
  const foreign = await uploadTo((await createSession(mine, { user: 'ada' })).id)
  const messageWith = (text: string, image: string) => ({
    message: {
      content: [
        { type: 'text', text },
        { type: 'image_file', image_id: image },
      ],
    },
  })
  const idle = (id: string) =>
    eventually(async () => (await call('GET', `/v1/sessions/${id}`)).body.status === 'idle')
  const path = `/v1/sessions/${session.id}`
  const { id } = expectStatus(
    await page('POST', `${path}/messages`, messageWith('0', image_id)),
    201,
  )
  await idle(session.id)
  let at = { session: { id: session.id as string }, message: { id: id as string } }
  for (const text of ['1', '2', '3']) {
    const retake = (image: string) =>
      page('POST', `/v1/sessions/${at.session.id}/retake`, {
        message_id: at.message.id,
        ...messageWith(text, image),
      })
    expectStatus(await retake(foreign), 400, 'image_unknown')
    at = expectStatus(await retake(image_id), 201)
    await idle(at.session.id)
  }
  const fork = expectStatus(await page('POST', `/v1/sessions/${at.session.id}/fork`, {}), 201)
  const inFork = `/v1/sessions/${fork.id}/messages`
  expectStatus(await page('POST', inFork, messageWith('Again', foreign)), 400, 'image_unknown')
  expectStatus(await page('POST', inFork, messageWith('Again', image_id)), 201)
})
