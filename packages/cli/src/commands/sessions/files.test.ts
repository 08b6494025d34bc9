import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { beforeAll } from '../../../../../apps/server/test/hooks.ts'
import { startServer } from '../../../../../apps/server/test/server.ts'
import { createSession } from '../../../../../apps/server/test/session.ts'
import { temporaryFolder } from '../../../../../test/process.ts'
import { runHere } from '../../../test/here.ts'
import { startHttp } from '../../../test/proxy.ts'
import { atTerminal } from '../../../test/terminal.ts'

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
})

const files = (...args: string[]) => runHere(['files', ...args, '--url', server.url])
const binary = Buffer.from([0, 255, 1, 10, 13, 27, 128])

/** A local folder with a text, bytes, an empty folder, a link and a file that is too large. */
async function folderOf(t: TestContext) {
  const { folder } = await temporaryFolder(t)
  const local = path.join(folder, 'stuff')
  await mkdir(path.join(local, 'sub/empty'), { recursive: true })
  await writeFile(path.join(local, 'text.md'), '\ufeffgrüß\r\ndich\n')
  await writeFile(path.join(local, 'sub/bytes.bin'), binary)
  await symlink('/etc/passwd', path.join(local, 'link'))
  return { folder, local }
}

test('uploads and downloads a folder byte for byte, and skips unchanged files', async (t) => {
  const { id } = await createSession(server)
  const { folder, local } = await folderOf(t)
  const pushed = await files('push', id, local)
  assert.deepEqual(
    [pushed.code, pushed.stdout],
    [0, '/stuff/sub/bytes.bin\n/stuff/sub/empty\n/stuff/text.md\n'],
  )
  assert.match(pushed.stderr, /link: it is a link\.\n3 uploaded\.$/m)
  assert.match((await files('push', id, local)).stderr, /0 uploaded, 3 unchanged\./)
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
  assert.match((await files('pull', id, '/stuff', out)).stderr, /^0 downloaded, 4 unchanged/)
})

test('lists, downloads and compares more files than a page has', async (t) => {
  const { folder } = await temporaryFolder(t)
  const { id } = await createSession(server)
  const local = path.join(folder, 'many')
  await mkdir(local)
  const names = Array.from({ length: 101 }, (_, n) => `${n}.txt`)
  await Promise.all(names.map((name) => writeFile(path.join(local, name), 'x')))
  assert.equal((await files('push', id, local)).code, 0)
  const repeated = await files('push', id, local, '--dry-run')
  assert.match(repeated.stderr, /^0 would be uploaded, 101 unchanged\.$/m)
  for (const args of [
    [id, '/many', '-q'],
    [id, '-r', '-q'],
  ]) {
    const listed = (await files('ls', ...args)).stdout.trimEnd().split('\n')
    assert.equal(listed.filter((file) => file.startsWith('/many/')).length, 101)
  }
  const out = path.join(folder, 'out')
  assert.equal((await files('pull', id, '/', out)).code, 0)
  assert.deepEqual((await readdir(path.join(out, 'many'))).sort(), names.sort())
})

test('uses the last argument as the target, or as its parent with a slash at the end', async (t) => {
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
  assert.match(dry.stderr, /1 would be uploaded/)
  assert.equal((await files('cat', id, '/dry.md')).code, 5)
})

test('reports files that cannot be uploaded, uploads the rest, and exits with 1', async (t) => {
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

test('get prints bytes to a pipe, and text without escape sequences to a terminal', async (t) => {
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

test('lists, searches, moves and deletes files', async (t) => {
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
  const gone = { code: 5, stdout: '', stderr: '/text.md does not exist.\n' }
  assert.deepEqual(await files('rm', id, '/text.md', '--yes', '-q'), gone)
  const asked = atTerminal(t, ['files', 'rm', id, '/stuff', '-r', '--url', server.url])
  await asked.sees(/Delete \/stuff\? \[y\/N\]/)
  asked.type('n\r')
  assert.equal(await asked.code, 1)
  assert.equal((await files('ls', id, '-q')).stdout, '/stuff\n')
})

test('drops dots of paths, refuses two dots, and exits with 5 for a path that does not exist', async (t) => {
  const { id } = await createSession(server)
  const { local } = await folderOf(t)
  await files('push', id, local, './docs/.')
  assert.equal((await files('ls', id, '.', '-q')).stdout, '/docs\n')
  assert.equal((await files('ls', id, './docs/./', '-q')).stdout, '/docs/sub\n/docs/text.md\n')
  assert.equal((await files('mv', id, './docs/text.md', './a.md')).stdout, '/a.md\n')
  for (const place of ['..', '/docs/../a.md']) {
    const { code, stderr } = await files('cat', id, place)
    assert.deepEqual([code, stderr.includes(`${place} must not contain ".."`)], [2, true], stderr)
  }
  for (const args of [
    ['mv', id, '/missing', '/b.md'],
    ['rm', id, '/missing', '--yes'],
  ]) {
    const { code, stderr } = await files(...args)
    assert.deepEqual([code, stderr.includes('/missing does not exist.')], [5, true], stderr)
  }
})

const sessionId = `session_${'0'.repeat(32)}`

/** A server with false file lists. `hangs`: requests with this in their URL get no response. */
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

test('Ctrl-C ends transfers at once, without partial files', async (t) => {
  const { folder, local } = await folderOf(t)
  const target = path.join(folder, 'out')
  for (const [args, at] of [
    [['pull', sessionId, '/', target], 'slow'],
    [['push', sessionId, local], 'bytes.bin'],
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

test('writes no file outside of the folder for any server response', async (t) => {
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
  const args = ['files', 'pull', sessionId, '/', target, '--url', url]
  const refused = await runHere(args)
  assert.deepEqual([refused.code, refused.stdout], [1, ''])
  assert.match(refused.stderr, /in\/file: it already exists[\s\S]*Nothing was written\./)
  assert.deepEqual((await readdir(target)).sort(), ['file', 'link'])
  const { code, stdout, stderr } = await runHere([...args, '--force'])
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

/** A session with files that `fields` names, and an empty folder. */
async function sessionWith(t: TestContext, contents: Record<string, string>) {
  const { folder } = await temporaryFolder(t)
  const { id } = await createSession(server)
  for (const [file, content] of Object.entries(contents)) {
    const { status } = await server.call('POST', `/v1/sessions/${id}/fs${file}`, { content })
    assert.equal(status, 201, file)
  }
  return { id, folder }
}

const run = promisify(execFile)

test('writes no file into .git, and Git runs no settings of a session', async (t) => {
  const command = (folder: string) =>
    `[core]\n\tfsmonitor = "touch '${folder}/taken'; false"\n\tworktree = ${folder}\n`
  const { folder } = await temporaryFolder(t)
  const { id } = await sessionWith(t, {
    '/.git/config': command(folder),
    '/sub/.GIT/config': command(folder),
    '/sub/.git': `gitdir: ${folder}/bare`,
    '/bare/HEAD': 'ref: refs/heads/main\n',
    '/bare/config': command(folder),
    '/bare/objects/x': 'x',
    '/bare/refs/heads/x': 'x',
    '/good.txt': 'good',
  })
  const git = (...args: string[]) =>
    run('git', args, { cwd: folder, env: { PATH: process.env.PATH, HOME: folder } })
  await git('init', '-q', '.')
  const before = await readFile(path.join(folder, '.git/config'), 'utf8')
  const pulled = await files('pull', id, '/', folder, '--force')
  assert.equal(pulled.code, 1)
  assert.match(pulled.stderr, /nothing is written to \.git/)
  assert.match(pulled.stderr, /bare\/config: Git would treat its directory as a repository/)
  assert.equal(await readFile(path.join(folder, '.git/config'), 'utf8'), before)
  await git('status')
  await git('-C', 'sub', 'status')
  await git('-C', 'bare', 'status').catch(() => undefined)
  assert.deepEqual((await readdir(folder)).sort(), ['.git', 'bare', 'good.txt', 'sub'])
  for (const into of ['.git', '.git/hooks/', '.GIT/']) {
    const { code, stderr } = await files('pull', id, '/good.txt', path.join(folder, into))
    assert.deepEqual([code, stderr.includes('inside a Git repository')], [2, true], into)
  }
})

test('refuses names that a system treats as .git, a device or another name', async (t) => {
  const { folder } = await temporaryFolder(t)
  const target = path.join(folder, 'in')
  const names = [
    ...['.git', '.GIT', '.gIt', 'git~1', 'GIT~2', '.git.', '.git ', '.git. .', '.git::$INDEX'],
    ...['.git:x', '.g\u200cit', '\ufeff.git', '.git\u206f', '\uff0egit', '.g\u0131t', '.\u00adgit'],
    ...['CON', 'con', 'NUL', 'nul.txt', 'Com1', 'COM9.log', 'lpt1', 'aux.c', 'PRN ', 'com\u00b9'],
    ...['\u202etxt.exe', 'a\u2066b', 'a\rb', 'a\x1b[2Jb', '.\u200b', '\u200b', '\u2024\u2024'],
  ]
  const good = ['.gitignore', 'git', '.github', 'console', 'com10', 'grüß 👩\u200d💻.txt', 'git~']
  const paths = [...names, ...good].flatMap((name) => [`/${name}`, `/${name}-/${name}/x`])
  const url = await lyingServer(t, paths)
  const ended = await runHere(['files', 'pull', sessionId, '/', target, '--url', url, '--json'])
  assert.equal(ended.code, 1)
  const { done, failed } = JSON.parse(ended.stdout)
  assert.equal(failed.length, 2 * names.length)
  assert.equal(done.length, 2 * good.length)
  const written = await readdir(target, { recursive: true })
  assert.deepEqual(
    written.filter((name) => names.includes(path.basename(name))),
    [],
  )
})

test('replaces existing files only with --force, and lists files that begin with a dot', async (t) => {
  const { id, folder } = await sessionWith(t, {
    '/.bashrc': 'evil',
    '/mine.txt': 'theirs',
    '/new.txt': 'new',
    '/same.txt': 'same',
  })
  await writeFile(path.join(folder, 'mine.txt'), 'mine')
  await writeFile(path.join(folder, 'same.txt'), 'same')
  const entries = async () => (await readdir(folder)).sort()
  for (const more of [[], ['--dry-run']]) {
    const kept = await files('pull', id, '/', folder, ...more)
    assert.deepEqual([kept.code, kept.stdout], [1, ''])
    assert.match(kept.stderr, /^\S+\/mine\.txt: it already exists \(--force replaces it\)$/m)
    assert.match(kept.stderr, /1 unchanged, 1 failed\.\nNothing was written\.\n$/)
    assert.deepEqual(await entries(), ['mine.txt', 'same.txt'])
  }
  const forced = await files('pull', id, '/', folder, '--force')
  assert.equal(forced.code, 0)
  assert.match(forced.stderr, /3 downloaded[\s\S]*Hidden[^\n]*:\n {2}\S+\/\.bashrc\n$/)
  assert.equal(await readFile(path.join(folder, 'mine.txt'), 'utf8'), 'theirs')
  assert.deepEqual(await entries(), ['.bashrc', 'mine.txt', 'new.txt', 'same.txt'])
})

test('downloads a file under another name, once', async (t) => {
  const { id, folder } = await sessionWith(t, { '/a.txt': 'a', '/b.txt': 'b' })
  const target = path.join(folder, 'sub/other.txt')
  assert.equal((await files('pull', id, '/a.txt', target)).stdout, `${target}\n`)
  assert.equal((await files('pull', id, '/b.txt', target)).code, 1)
  assert.equal(await readFile(target, 'utf8'), 'a')
})

test('shows a temporary progress bar on a terminal', async (t) => {
  const { id } = await createSession(server)
  const { local } = await folderOf(t)
  const terminal = atTerminal(t, ['files', 'push', id, local, '--url', server.url], { columns: 40 })
  assert.equal(await terminal.code, 0)
  assert.match(terminal.raw(), /█+░* 2\/3 /)
  assert.doesNotMatch(terminal.shown(), /█/)
})
