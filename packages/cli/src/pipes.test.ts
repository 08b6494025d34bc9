import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { program } from '../test/program.ts'

function start(args: readonly string[]) {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', program, ...args],
    { env: { PATH: process.env.PATH, HOME: '/nonexistent' }, stdio: 'pipe' },
  )
  const stderr = text(child.stderr)
  return { child, stderr, ended: once(child, 'close') as Promise<[number | null]> }
}

type Listener = Parameters<typeof createServer>[1]

async function serve(t: TestContext, listener: Listener) {
  const server = createServer(listener as never)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close().closeAllConnections())
  const { port } = server.address() as { port: number }
  return { server, url: `http://127.0.0.1:${port}` }
}

test('exits with 130 and no output after Ctrl-C while a server is silent', async (t) => {
  const { server, url } = await serve(t, () => {})
  const { child, stderr, ended } = start(['agents', 'list', '--url', url])
  await once(server, 'request')
  child.kill('SIGINT')
  assert.equal((await ended)[0], 130)
  assert.equal(await stderr, '')
})

const session = `session_${'0'.repeat(32)}`

test('exits with 130 after Ctrl-C during an export', async (t) => {
  const { url } = await serve(t, (_request, response) => {
    response.setHeader('content-type', 'application/x-ndjson')
    response.write('{"type":"session"}\n')
  })
  const { child, stderr, ended } = start(['sessions', 'export', session, '--url', url])
  await once(child.stdout!, 'data')
  child.kill('SIGINT')
  assert.equal((await ended)[0], 130)
  assert.equal(await stderr, '')
})

test('exits with 130 after Ctrl-C while reading stdin', async (t) => {
  const { url } = await serve(t, () => {})
  const { child, ended } = start(['messages', 'send', session, '--url', url])
  await running(child)
  child.kill('SIGINT')
  assert.equal((await ended)[0], 130)
})

/** Until the program reads: more than a pipe holds went into it. */
const running = (child: ChildProcess) =>
  new Promise<void>((resolve) => child.stdin!.write('x'.repeat(1_000_000), () => resolve()))

const sessions = Array.from({ length: 6 }, (_, at) => `session_${String(at).repeat(32)}`)
const paths = ['/a', '/b', '/c', '/d', '/e', '/f']

for (const words of [
  ['sessions', 'delete', ...sessions],
  ['files', 'delete', session, ...paths],
  ['images', 'delete', ...paths.map((path) => `img_${path.slice(1).repeat(32)}`)],
]) {
  const noun = words[0]!
  test(`deletes all ${noun} after a reader has closed the pipe, and returns the real exit code`, async (t) => {
    const closed = Promise.withResolvers<void>()
    const deleted: string[] = []
    const { url } = await serve(t, async (request, response) => {
      response.setHeader('content-type', 'application/json')
      if (request.method !== 'DELETE') return void response.end('{}')
      deleted.push(request.url!)
      if (deleted.length > 1) await closed.promise
      if (deleted.length < 6) return void response.end('{"deleted":true}')
      response.writeHead(409).end('{"code":"legal_hold","error":"The session is held."}')
    })
    const { child, ended } = start([...words, '--yes', '--url', url])
    await once(child.stdout!, 'data')
    child.stdout!.destroy()
    child.stdout!.once('close', closed.resolve)
    assert.deepEqual([(await ended)[0], deleted.length], [1, 6])
  })
}

test('accepts a reader that closes the pipe, as `head` does', async (t) => {
  const rows = Array.from({ length: 100 }, (_, at) => ({
    id: `agent_${at}`,
    name: 'x'.repeat(5_000),
  }))
  const { url } = await serve(t, (request, response) => {
    const offset = Number(new URL(request.url!, 'http://x').searchParams.get('offset'))
    const data = rows.map(({ id, name }) => ({ id: `${id}_${offset}`, name }))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ data, total: 1_000_000, offset, limit: 100 }))
  })
  const { child, stderr, ended } = start(['agents', 'list', '--all', '--json', '--url', url])
  await once(child.stdout!, 'data')
  child.stdout!.destroy()
  assert.equal((await ended)[0], 0)
  assert.equal(await stderr, '')
})
