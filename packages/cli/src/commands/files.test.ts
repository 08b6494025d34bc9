import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { before, type TestContext, test } from 'node:test'
import { startServer } from '../../../../apps/server/test/server.ts'
import { createSession } from '../../../../apps/server/test/session.ts'
import { temporaryFolder } from '../../../../test/process.ts'
import { runHere } from '../../test/here.ts'
import { startHttp } from '../../test/proxy.ts'
import { atTerminal } from '../../test/terminal.ts'

let server: Awaited<ReturnType<typeof startServer>>

before(async (t) => {
  server = await startServer(t as TestContext)
})

const files = (...args: string[]) => runHere(['files', ...args, '--url', server.url])
const binary = Buffer.from([0, 255, 1, 10, 13, 27, 128])

/** A folder of this machine with a text, bytes, an empty folder, a link and a file that is too large. */
async function folderOf(t: TestContext) {
  const { folder } = await temporaryFolder(t)
  const local = path.join(folder, 'stuff')
  await mkdir(path.join(local, 'sub/empty'), { recursive: true })
  await writeFile(path.join(local, 'text.md'), '\ufeffgrüß\r\ndich\n')
  await writeFile(path.join(local, 'sub/bytes.bin'), binary)
  await symlink('/etc/passwd', path.join(local, 'link'))
  return { folder, local }
}

test('a folder is sent and fetched back byte for byte; what is the same is left', async (t) => {
  const { id } = await createSession(server)
  const { folder, local } = await folderOf(t)
  const pushed = await files('push', id, local)
  assert.deepEqual(
    [pushed.code, pushed.stdout],
    [0, '/stuff/sub/bytes.bin\n/stuff/sub/empty\n/stuff/text.md\n'],
  )
  assert.match(pushed.stderr, /link is left out: it is a link\.\n3 sent\.$/m)
  assert.match((await files('push', id, local)).stderr, /0 sent, 3 the same already\./)
  const out = path.join(folder, 'out')
  assert.equal((await files('pull', id, '/stuff', out)).code, 0)
  assert.deepEqual((await readdir(out, { recursive: true })).sort(), [
    'sub',
    'sub/bytes.bin',
    'sub/empty',
    'text.md',
  ])
  assert.deepEqual(await readFile(path.join(out, 'sub/bytes.bin')), binary)
  assert.equal(await readFile(path.join(out, 'text.md'), 'utf8'), '\ufeffgrüß\r\ndich\n')
  assert.match((await files('pull', id, '/stuff', out)).stderr, /^0 fetched, 4 the same/)
})

test('the last word is where to, and a slash at its end means into it', async (t) => {
  const { id } = await createSession(server)
  const { local } = await folderOf(t)
  const text = path.join(local, 'text.md')
  const sent = async (...args: string[]) => (await files('push', id, ...args)).stdout
  assert.equal(await sent(text, '/new/name.md'), '/new/name.md\n')
  assert.equal(await sent(text, '/new'), '/new/text.md\n')
  assert.equal(await sent(path.join(local, 'sub/.'), '/flat'), '/flat/bytes.bin\n/flat/empty\n')
  assert.equal(
    await sent(path.join(local, 'sub'), '/flat/'),
    '/flat/sub/bytes.bin\n/flat/sub/empty\n',
  )
  const dry = await files('push', id, text, '/dry.md', '--dry-run')
  assert.match(dry.stderr, /1 would be sent/)
  assert.equal((await files('cat', id, '/dry.md')).code, 5)
})

test('what cannot be sent is told, the rest is sent, and the code is 1', async (t) => {
  const { id } = await createSession(server)
  const { local } = await folderOf(t)
  await writeFile(path.join(local, 'big'), Buffer.alloc(11 * 1024 * 1024))
  await writeFile(path.join(local, 'huge'), Buffer.alloc(13 * 1024 * 1024))
  const { code, stdout, stderr } = await files('push', id, local, '--json')
  assert.equal(code, 1)
  const { done, failed } = JSON.parse(stdout)
  assert.equal(done.length, 3)
  assert.deepEqual(
    failed.map(({ path }: { path: string }) => path),
    ['/stuff/big', '/stuff/huge'],
  )
  assert.match(stderr, /huge: it is too large: 13\.0 MiB/)
  assert.equal((await files('push', id, '/no/such')).code, 2)
})

test('cat gives bytes to a pipe, text to a terminal, and no escape sequences', async (t) => {
  const { id } = await createSession(server)
  const { local, folder } = await folderOf(t)
  await writeFile(path.join(folder, 'esc.txt'), 'a\x1b[2Jb\n')
  await files('push', id, local, path.join(folder, 'esc.txt'), '/')
  const file = JSON.parse((await files('cat', id, '/stuff/sub/bytes.bin', '--json')).stdout)
  assert.deepEqual(Buffer.from(file.content, 'base64'), binary)
  assert.equal((await files('cat', id, '/esc.txt')).stdout, 'a\x1b[2Jb\n')
  const seen = atTerminal(t, ['files', 'cat', id, '/esc.txt', '--url', server.url])
  assert.equal(await seen.code, 0)
  assert.equal(seen.raw(), 'a[2Jb\n')
  const refused = atTerminal(t, ['files', 'cat', id, '/stuff/sub/bytes.bin', '--url', server.url])
  assert.equal(await refused.code, 2)
  assert.match((await files('cat', id, '/stuff')).stderr, /\/stuff is a directory/)
})

test('files are listed, searched, moved and deleted', async (t) => {
  const { id } = await createSession(server)
  const { local } = await folderOf(t)
  await files('push', id, local)
  assert.equal((await files('ls', id, '/stuff', '-q')).stdout, '/stuff/sub\n/stuff/text.md\n')
  assert.match((await files('ls', id, '-r')).stdout, /7 bytes .*\/stuff\/sub\/bytes\.bin\n/)
  const found = { code: 0, stdout: '/stuff/text.md:2: dich\n', stderr: '' }
  assert.deepEqual(await files('grep', id, 'd.ch'), found)
  assert.equal((await files('grep', id, 'nowhere')).code, 1)
  assert.equal((await files('mv', id, '/stuff/text.md', '/')).stdout, '/text.md\n')
  assert.equal((await files('rm', id, '/text.md')).code, 2)
  assert.equal((await files('rm', id, '/text.md', '--yes')).stdout, '/text.md\n')
  assert.equal((await files('rm', id, '/text.md', '--yes')).code, 1)
  const asked = atTerminal(t, ['files', 'rm', id, '/stuff', '-r', '--url', server.url])
  await asked.sees(/Delete \/stuff\? \[y\/N\]/)
  asked.type('n\r')
  assert.equal(await asked.code, 1)
  assert.equal((await files('ls', id, '-q')).stdout, '/stuff\n')
})

/** A server that says what it likes about its files. `hangs`: it never answers a request whose URL holds this. */
function lyingServer(t: TestContext, paths: string[], hangs?: { at: string; reached: () => void }) {
  return startHttp(t, (request, response) => {
    request.resume()
    if (hangs && request.url!.includes(hangs.at)) return hangs.reached()
    response.setHeader('content-type', 'application/json')
    const data = paths.map((path) => ({ path, is_directory: false, size_bytes: 4 }))
    const isList = request.url!.includes('recursive')
    const file = { id: 'x', content: 'evil', encoding: 'text' }
    response.end(JSON.stringify(isList ? { data, total: data.length } : file))
  })
}

test('Ctrl-C ends a fetch and a sending at once, and no draft of a file is left', async (t) => {
  const { folder, local } = await folderOf(t)
  const target = path.join(folder, 'out')
  for (const [args, at] of [
    [['pull', 'session_1', '/', target], 'slow'],
    [['push', 'session_1', local], 'bytes.bin'],
  ] as const) {
    const interrupted = new AbortController()
    const hangs = { at, reached: () => interrupted.abort() }
    const url = await lyingServer(t, ['/quick', '/slow'], hangs)
    const { signal } = interrupted
    const { code, stderr } = await runHere(['files', ...args, '--url', url], { signal })
    assert.deepEqual([code, stderr.includes('    at ')], [130, false])
  }
  const left = await readdir(target).catch(() => [])
  assert.ok(
    left.every((name) => name === 'quick'),
    left.join(),
  )
})

test('whatever a server says, nothing is written outside of the folder', async (t) => {
  const { folder } = await temporaryFolder(t)
  const target = path.join(folder, 'in')
  await mkdir(target)
  await mkdir(path.join(folder, 'out'))
  await symlink(path.join(folder, 'out'), path.join(target, 'link'))
  await writeFile(path.join(folder, 'kept'), 'kept')
  await symlink(path.join(folder, 'kept'), path.join(target, 'file'))
  const url = await lyingServer(t, [
    '/../a',
    '/x/../../b',
    '/link/c',
    '/file',
    '/good',
    '/./d',
    '/e\\..\\f',
  ])
  const { code, stdout, stderr } = await runHere([
    'files',
    'pull',
    'session_1',
    '/',
    target,
    '--url',
    url,
  ])
  assert.equal(code, 1, stderr)
  assert.deepEqual(stdout.trimEnd().split('\n'), [
    path.join(target, 'file'),
    path.join(target, 'good'),
  ])
  assert.deepEqual((await readdir(folder)).sort(), ['in', 'kept', 'out'])
  assert.deepEqual(await readdir(path.join(folder, 'out')), [])
  assert.equal(await readFile(path.join(folder, 'kept'), 'utf8'), 'kept')
  assert.deepEqual((await readdir(target)).sort(), ['file', 'good', 'link'])
})

test('progress is a bar on a terminal that goes again', async (t) => {
  const { id } = await createSession(server)
  const { local } = await folderOf(t)
  const terminal = atTerminal(t, ['files', 'push', id, local, '--url', server.url], { columns: 40 })
  assert.equal(await terminal.code, 0)
  assert.match(terminal.raw(), /█+░* 2\/3 /)
  assert.doesNotMatch(terminal.shown(), /█/)
})
