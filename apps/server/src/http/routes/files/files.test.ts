import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import { connectTo, untilLocked } from '../../../../test/database.ts'
import { door, expectError, pathsIn, serverOfFiles } from '../../../../test/files.ts'
import { follow } from '../../../../test/stream.ts'

const { server, fresh } = serverOfFiles()

test('creates, reads, replaces and deletes a file, with events in the log', async () => {
  const { sessionId, call, create, told } = await fresh()
  const made = await create('/notes/today.md', { content: 'Grüße' })
  assert.equal(made.status, 201)
  assert.match(made.body.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  assert.equal(made.body.session_id.replaceAll('-', ''), sessionId.slice('session_'.length))
  const { id, session_id, created_at, updated_at, ...rest } = made.body
  assert.deepEqual(rest, {
    path: '/notes/today.md',
    name: 'today.md',
    is_directory: false,
    is_readonly: false,
    size_bytes: 7,
    content: 'Grüße',
    encoding: 'text',
  })
  assert.deepEqual((await call('GET', '/notes/today.md')).body, made.body)
  const put = await call('PUT', '/notes/today.md', { content: 'AP8=', encoding: 'base64' })
  assert.equal(put.status, 200)
  assert.deepEqual(
    [put.body.content, put.body.encoding, put.body.size_bytes],
    ['AP8=', 'base64', 2],
  )
  assert.deepEqual([put.body.id, put.body.created_at], [id, created_at])
  assert.deepEqual((await call('DELETE', '/notes/today.md')).body, { deleted: true })
  assert.deepEqual((await call('DELETE', '/notes/today.md')).body, { deleted: false })
  expectError(await call('GET', '/notes/today.md'), [404, 'path_not_found'])
  assert.deepEqual(await told(), [
    'created /notes/today.md',
    'updated /notes/today.md',
    'deleted /notes/today.md',
  ])
})

test('lists directories first, then by path; recursive lists all descendants', async () => {
  const { call, create } = await fresh()
  for (const path of ['/b.txt', '/a/z.txt', '/a/b/c.txt', '/é', '/Z', '/a.b', '/a0']) {
    assert.equal((await create(path, { content: path })).status, 201)
  }
  assert.deepEqual(pathsIn(await call('GET', '')), ['/a', '/Z', '/a.b', '/a0', '/b.txt', '/é'])
  assert.deepEqual(pathsIn(await call('GET', '/a')), ['/a/b', '/a/z.txt'])
  assert.deepEqual(pathsIn(await call('GET', '/a?recursive=true')), [
    '/a/b',
    '/a/b/c.txt',
    '/a/z.txt',
  ])
  const all = await call('GET', '?recursive=true')
  assert.equal(all.body.total, 9)
  assert.deepEqual(pathsIn(await call('GET', '?recursive=true&limit=2&offset=3')), [
    '/a/b',
    '/a/b/c.txt',
  ])
  const page = await call('GET', '?limit=2&offset=1')
  assert.deepEqual([pathsIn(page), page.body.total], [['/Z', '/a.b'], 6])
  assert.equal((await call('GET', '/a/b/none')).status, 404)
  assert.deepEqual((await call('GET', '/')).body.total, 6)
})

test('POST, PUT and DELETE refuse invalid requests', async () => {
  const { call, create } = await fresh()
  await create('/file', { content: 'x' })
  await create('/dir/inner', { content: 'x' })
  expectError(await create(''), [400, 'root_path'], 'Cannot create at root path, specify a path')
  expectError(await create('/'), [400, 'root_path'])
  expectError(await create('/file'), [409, 'file_exists'], 'File already exists at path: /file')
  expectError(await create('/dir', { content: '' }), [409, 'file_exists'])
  expectError(
    await create('/file', { is_directory: true }),
    [400, 'path_is_file'],
    'A file exists at path: /file',
  )
  expectError(await create('/file/below', { content: '' }), [400, 'path_is_file'])
  expectError(await create('/b64', { content: 'a b', encoding: 'base64' }), [400, 'invalid_base64'])
  assert.equal((await create('/dir', { is_directory: true })).status, 201)
  assert.equal((await create('/odd', { content: 'YQ==', encoding: 'rot13' })).body.content, 'YQ==')
  expectError(await call('PUT', '/none', { content: '' }), [404, 'file_not_found'])
  expectError(
    await call('PUT', '/dir', { content: '' }),
    [400, 'path_is_directory'],
    'Cannot update directory: /dir',
  )
  expectError(await call('PUT', '/file', { content: '***', encoding: 'base64' }), [
    400,
    'invalid_base64',
  ])
  expectError(await call('DELETE', ''), [400, 'root_path'], 'Cannot delete root directory')
  expectError(await call('DELETE', '/'), [400, 'root_path'])
  expectError(
    await call('DELETE', '/dir'),
    [400, 'directory_not_empty'],
    'Directory is not empty. Use recursive=true to delete',
  )
  assert.deepEqual((await call('DELETE', '/dir?recursive=true')).body, { deleted: true })
  assert.equal((await call('GET', '/dir/inner')).status, 404)
  const absent = await create('/absent')
  assert.deepEqual([absent.body.content, absent.body.size_bytes], [null, 0])
  assert.deepEqual((await call('GET', '/absent')).body.content, null)
})

test('a read-only file can be read and copied, not changed, moved or deleted, until the flag is gone', async () => {
  const { call, create } = await fresh()
  await create('/dir/fixed', { content: 'x', is_readonly: true })
  const refused: [number, string] = [400, 'file_readonly']
  const said = 'Cannot modify readonly file: /dir/fixed'
  expectError(await call('PUT', '/dir/fixed', { content: 'y' }), refused, said)
  expectError(await call('DELETE', '/dir/fixed'), refused, said)
  expectError(await call('DELETE', '/dir?recursive=true'), refused, said)
  const move = (src_path: string, dst_path: string) =>
    call('POST', '/_/move', { src_path, dst_path })
  expectError(await move('/dir/fixed', '/free'), refused, said)
  expectError(await move('/dir', '/elsewhere'), refused, said)
  const copy = await call('POST', '/_/copy', { src_path: '/dir/fixed', dst_path: '/copy' })
  assert.deepEqual([copy.status, copy.body.is_readonly, copy.body.content], [201, true, 'x'])
  assert.equal((await call('PUT', '/dir/fixed', { is_readonly: false })).body.is_readonly, false)
  assert.equal((await call('PUT', '/dir/fixed', { content: 'y' })).body.content, 'y')
})

test('files and directories move with all that is in them, and nowhere where something is', async () => {
  const { call, create, told } = await fresh()
  await create('/a_%25/x_y', { content: '1' })
  await create('/a_%25/deep/z', { content: '2' })
  await create('/ab%25/x_y', { content: '3' })
  const move = (src_path: string, dst_path: string) =>
    call('POST', '/_/move', { src_path, dst_path })
  const moved = await move('/a_%', '/new/place')
  assert.deepEqual(
    [moved.status, moved.body.path, moved.body.is_directory],
    [200, '/new/place', true],
  )
  assert.equal((await call('GET', '/new/place/deep/z')).body.content, '2')
  assert.equal((await call('GET', '/ab%25/x_y')).body.content, '3')
  assert.equal((await call('GET', '/a_%25')).status, 404)
  expectError(await move('/gone', '/x'), [404, 'source_not_found'], 'Source not found: /gone')
  expectError(await move('/new', '/ab%'), [409, 'destination_exists'])
  expectError(await move('/new', '/new'), [409, 'destination_exists'])
  expectError(await move('/new', '/new/place/in'), [400, 'path_in_itself'])
  expectError(await move('/', '/x'), [400, 'root_path'])
  expectError(await move('/new', '/'), [409, 'destination_exists'])
  expectError(await move('/ab%/x_y', '/new/place/x_y/in'), [400, 'path_is_file'])
  const copy = (src_path: string, dst_path: string) =>
    call('POST', '/_/copy', { src_path, dst_path })
  expectError(
    await copy('/new', '/y'),
    [400, 'directory_not_copied'],
    'Cannot copy directories: /new',
  )
  expectError(await copy('/gone', '/y'), [404, 'source_not_found'])
  expectError(await copy('/ab%/x_y', '/new'), [409, 'destination_exists'])
  assert.deepEqual((await told()).slice(3), ['moved /new/place /a_%'])
})

test('stat returns metadata of a file, a directory and the root', async () => {
  const { call, create } = await fresh()
  await create('/dir/file', { content: 'four' })
  const stat = async (path: string) => call('POST', '/_/stat', { path })
  const { created_at, updated_at, ...file } = (await stat('dir//file/')).body
  assert.deepEqual(file, {
    path: '/dir/file',
    name: 'file',
    is_directory: false,
    is_readonly: false,
    size_bytes: 4,
  })
  assert.equal((await stat('/dir')).body.is_directory, true)
  const root = (await stat('/')).body
  assert.deepEqual([root.name, root.path, root.is_directory, root.size_bytes], ['/', '/', true, 0])
  expectError(await stat('/none'), [404, 'path_not_found'])
})

test('paths that could mean another place are refused, wherever they come from', async () => {
  const { base, call, create } = await fresh()
  await create('/file', { content: 'x' })
  const invalid: [number, string] = [400, 'invalid_path']
  for (const path of [
    '/../x',
    '/a/../../x',
    '/..',
    '/a/..',
    '/%00',
    '/a%00b',
    '/%2e%2e/x',
    '/..%2fx',
  ]) {
    for (const [method, body] of [['GET'], ['POST', {}], ['PUT', {}], ['DELETE']] as const) {
      const { status, code } = await raw(method, base + path, body)
      assert.deepEqual([status, code], invalid, `${method} ${path}`)
    }
  }
  for (const path of ['../x', '/a/../x', 'a\0b', '/..', `/${'x'.repeat(1100)}`, '/d'.repeat(70)]) {
    expectError(
      await call('POST', '/_/copy', { src_path: '/file', dst_path: path }),
      path.includes('\0') ? [400, 'invalid_request'] : invalid,
    )
    expectError(
      await call('POST', '/_/move', { src_path: path, dst_path: '/y' }),
      path.includes('\0') ? [400, 'invalid_request'] : invalid,
    )
  }
  for (const path of ['/_', '/_x', '/a/_b/c', '/_/other']) {
    const reserved: [number, string] = [400, 'reserved_path']
    expectError(
      await create(path),
      reserved,
      "Paths starting with '_' are reserved for system actions",
    )
    expectError(await call('PUT', path, { content: '' }), reserved)
    expectError(await call('POST', '/_/copy', { src_path: '/file', dst_path: path }), reserved)
    expectError(await call('POST', '/_/move', { src_path: '/file', dst_path: path }), reserved)
  }
  for (const path of [
    '/.',
    '/a/./b',
    '/...',
    '/ünï/😀',
    '/sp ace',
    '/%25',
    "/'; drop table files; --",
    '/a%5Cb',
  ]) {
    const url = encodeURI(path).replaceAll('%25', '%').replaceAll('%5C', '%255C')
    const made = await raw('POST', base + url.replaceAll('%255C', '%5C'), { content: 'x' })
    assert.equal(made.status, 201, path)
  }
  assert.deepEqual((await call('DELETE', '/%FF')).status, 400)
  const all = pathsIn(await call('GET', '?recursive=true'))
  assert.ok(all.includes('/a/./b') && all.includes('/...') && all.includes('/ünï/😀'))
})

/** Without the cleaning of URLs that `fetch` does. */
async function raw(method: string, path: string, body?: unknown) {
  const { hostname, port } = new URL(server().url)
  const socket = net.connect(Number(port), hostname)
  const text = body === undefined ? '' : JSON.stringify(body)
  socket.write(
    `${method} ${path} HTTP/1.1\r\nhost: ${hostname}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  )
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  const answer = Buffer.concat(chunks).toString()
  const status = Number(answer.slice(9, 12))
  return { status, code: /"code":"(\w+)"/.exec(answer)?.[1] }
}

test('an unknown session is 404 everywhere, before anything else happens', async () => {
  const { call } = door(server(), `session_${'0'.repeat(32)}`)
  const bodies = { src_path: '/a', dst_path: '/b', path: '/', pattern: 'x' }
  for (const [method, path] of [
    ['GET', ''],
    ['GET', '/a'],
    ['POST', ''],
    ['POST', '/a'],
    ['PUT', '/a'],
    ['DELETE', '/a'],
    ['POST', '/_/move'],
    ['POST', '/_/copy'],
    ['POST', '/_/grep'],
    ['POST', '/_/stat'],
  ]) {
    const body = method === 'GET' || method === 'DELETE' ? undefined : bodies
    expectError(await call(method!, path!, body), [404, 'not_found'], 'Session not found')
  }
  const { call: callWrong } = door(server(), 'session_x')
  expectError(await callWrong('GET', ''), [400, 'invalid_id'])
})

test('followers hear of a change at once', async (t) => {
  const { sessionId, create } = await fresh()
  const stream = await follow(t, server().url, { sessionId })
  await create('/seen', { content: 'x' })
  const event = await stream.event('files.changed')
  assert.deepEqual(event.data, {
    changes: [{ change: 'created', path: '/seen', is_directory: false, size_bytes: 1 }],
  })
  stream.close()
})

test('a repeated request with its Idempotency-Key changes nothing again', async () => {
  const { base, told } = await fresh()
  const key = { 'idempotency-key': 'once' }
  const again = () => server().call('POST', `${base}/once`, { content: 'x' }, key)
  const [first, second] = [await again(), await again()]
  assert.deepEqual([first.status, second.status], [201, 201])
  assert.deepEqual(first.body, second.body)
  assert.equal((await told()).length, 1)
})

test('a text file with a binary name is recognized as text', async () => {
  const { call, create } = await fresh()
  const put = async (name: string, bytes: Buffer) => {
    await create(name, { content: bytes.toString('base64'), encoding: 'base64' })
    return (await call('GET', name)).body
  }
  assert.equal((await put('/utf8', Buffer.from('ÄÖ😀\r\n'))).encoding, 'text')
  assert.equal((await put('/latin1', Buffer.from([0xe4]))).encoding, 'base64')
  assert.equal((await put('/nul', Buffer.from('a\0b'))).encoding, 'base64')
  const late = Buffer.concat([Buffer.alloc(9_000, 'x'), Buffer.from('\0')])
  assert.equal((await put('/late', late)).content, late.toString())
  assert.equal((await put('/empty', Buffer.alloc(0))).content, '')
  const text = await create('/with-nul', { content: 'a\0b' })
  assert.deepEqual([text.status, text.body.encoding, text.body.size_bytes], [201, 'base64', 3])
})

test('refuses a move that makes a path too long or too deep', async () => {
  const { call, create } = await fresh()
  const long = `/${'x'.repeat(200)}`.repeat(3)
  await create(`/a${long}/file`, { content: 'x' })
  const move = (src_path: string, dst_path: string) =>
    call('POST', '/_/move', { src_path, dst_path })
  expectError(await move('/a', `/b${long}`), [400, 'invalid_path'])
  expectError(await move('/a', '/b'.repeat(62)), [400, 'invalid_path'])
  assert.deepEqual(pathsIn(await call('GET', '')), ['/a'])
  assert.equal((await move('/a', `/b/${'x'.repeat(200)}`)).status, 200)
})

test('a directory that was made read-only can go again', async () => {
  const { call, create } = await fresh()
  const made = await create('/fixed', { is_directory: true, is_readonly: true })
  assert.deepEqual([made.status, made.body.is_readonly], [201, true])
  const move = { src_path: '/fixed', dst_path: '/moved' }
  assert.equal((await call('POST', '/_/move', move)).status, 200)
  assert.deepEqual((await call('DELETE', '/moved')).body, { deleted: true })
})

test('waiting changes of one session leave connections to other callers', async (t) => {
  const [held, free] = [await fresh(), await fresh()]
  const client = await connectTo(t, server().databaseUrl)
  await client.query('begin')
  await client.query('select from sessions where id = $1 for update', [held.sessionId])
  const waiting = Promise.all(
    Array.from({ length: 60 }, (_, n) => held.create(`/${n}`, { content: 'x' })),
  )
  await untilLocked(server().databaseUrl)
  for (let n = 0; n < 5; n += 1) {
    assert.equal((await free.create(`/${n}`, { content: 'x' })).status, 201)
  }
  await client.query('rollback')
  for (const { status } of await waiting) assert.equal(status, 201)
})

test('the same bytes at the same time, with and without a key, are no deadlock', async () => {
  const { call, base, create } = await fresh()
  const path = '/same'
  await create(path, { content: '' })
  for (let n = 0; n < 20; n += 1) {
    const content = `${n}`
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, m) =>
        m % 2 === 0
          ? call('PUT', path, { content })
          : server().call(
              'POST',
              `${base}/${n}-${m}`,
              { content },
              { 'idempotency-key': `${n}-${m}` },
            ),
      ),
    )
    for (const { status } of answers) assert.ok(status < 300, `${status}`)
  }
})

test('no content keeps the server from anything else', async () => {
  const { create } = await fresh()
  const content = `${'='.repeat(1_000_000)}A`
  const [refused, health] = await Promise.all([
    create('/odd', { content, encoding: 'base64' }),
    server().call('GET', '/health'),
  ])
  expectError(refused, [400, 'invalid_base64'])
  assert.equal(health.status, 200)
  const padded = await create('/padded', { content: 'YQ=\n=', encoding: 'base64' })
  assert.equal(padded.body.content, 'a')
})
