import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { pngOf } from '../../../apps/server/test/pictures.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { createSession, dataOf, eventsOf } from '../../../apps/server/test/session.ts'
import { runHere } from '../test/here.ts'

let server: Awaited<ReturnType<typeof startServer>>
let folder: string

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  folder = await mkdtemp(path.join(os.tmpdir(), 'outlast-images-'))
  t.after(() => rm(folder, { recursive: true }))
})

const outlast = (...args: string[]) => runHere([...args, '--url', server.url])

async function fileOf(name: string, bytes: Buffer | string): Promise<string> {
  const file = path.join(folder, name)
  await writeFile(file, bytes)
  return file
}

test('uploads, lists, downloads and deletes images', async () => {
  const bytes = pngOf(5, 4)
  const file = await fileOf('chart.png', bytes)
  const created = await outlast('images', 'create', file, '--json')
  assert.equal(created.code, 0, created.stderr)
  const { id } = JSON.parse(created.stdout)
  const listed = await outlast('images', 'list')
  assert.match(listed.stdout, new RegExp(`${id}.*chart.png.*image/png`))
  const copy = path.join(folder, 'copy.png')
  assert.equal((await outlast('images', 'get', id, '-o', copy)).code, 0)
  assert.ok((await readFile(copy)).equals(bytes))
  assert.equal((await outlast('images', 'delete', id, '--yes')).code, 0)
  const gone = await outlast('images', 'get', id, '-o', copy)
  assert.notEqual(gone.code, 0)
  assert.match(gone.stderr, /Image not found/)
})

test('explains files that cannot be uploaded', async () => {
  for (const [file, reason] of [
    [path.join(folder, 'none.png'), /cannot be read/],
    [folder, /cannot be read/],
    [await fileOf('page.png', '<html>'), /must be a PNG, JPEG, GIF or WebP image/],
  ] as const) {
    const { code, stderr } = await outlast('images', 'create', file)
    assert.notEqual(code, 0)
    assert.match(stderr, reason)
  }
})

test('sends images with a message', async () => {
  const { id } = await createSession(server)
  const file = await fileOf('photo.png', pngOf(2, 2))
  const { code, stderr } = await outlast('chat', '-s', id, '--image', file, 'What is this?')
  assert.equal(code, 0, stderr)
  const { content } = dataOf(await eventsOf(server, id), 'input.message').message
  assert.deepEqual(
    content.map((part) => (part.type === 'image_file' ? part.filename : part.type)),
    ['text', 'photo.png'],
  )
})
