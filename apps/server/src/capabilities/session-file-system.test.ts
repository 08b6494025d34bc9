import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startServer } from '../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  scripted,
} from '../../test/session.ts'

/** Calls tools in turns of one session, with a config. */
async function begin(t: TestContext, config: object = {}) {
  const server = await startServer(t)
  const agent = await createAgent(server, {
    capabilities: [{ ref: 'session_file_system', config }],
  })
  const session = await createSession(server, { agent_id: agent.id })
  const fs = `/v1/sessions/${session.id}/fs`
  /** Makes one call; returns its result, or its error as text. */
  async function use(name: string, args: object = {}) {
    const script = scripted({ tool_calls: [{ name, arguments: args }] }, { text: 'Done.' })
    const events = await converse(t, server, session.id, script)
    const { result, error } = dataOf(events, 'tool.completed') as {
      result?: { text: string }[]
      error?: string
    }
    return error ?? JSON.parse(result![0]!.text)
  }
  return { server, session, fs, use }
}

test('white space at the ends of a path names another file', async (t) => {
  const { server, fs, use } = await begin(t)
  for (const path of ['/report.txt', '/ report.txt', '/notes/a', '/notes /b', '/report.txt ']) {
    assert.equal((await use('write_file', { path, content: path })).path, path)
    const { body } = await server.call('GET', fs + encodeURI(path))
    assert.deepEqual([body.path, body.content], [path, path])
  }
  assert.equal((await server.call('GET', `${fs}/%20report.txt%20`)).status, 404)
  const put = await server.call('PUT', `${fs}/report.txt%20`, { content: 'new' })
  assert.deepEqual([put.status, put.body.path], [200, '/report.txt '])
  const deleted = await server.call('DELETE', `${fs}/%20report.txt`)
  assert.deepEqual(deleted.body, { deleted: true })
  await use('delete_file', { path: '/notes ', recursive: true })
  const copied = { src_path: '/report.txt', dst_path: ' /x' }
  const refused = await server.call('POST', `${fs}/_/copy`, copied)
  assert.deepEqual([refused.status, refused.body.code], [400, 'invalid_path'])
  const { data } = (await server.call('GET', `${fs}?recursive=true`)).body
  assert.deepEqual(
    data.map(({ path }: { path: string }) => path),
    ['/notes', '/notes/a', '/report.txt', '/report.txt '],
  )
})

test('file tools write, read, list, search, stat and delete in turns', async (t) => {
  const { server, fs, session, use } = await begin(t)
  const written = await use('write_file', { path: '/notes/a.md', content: 'one\ntwo\n' })
  assert.deepEqual(written, { path: '/notes/a.md', size_bytes: 8, created: true })
  const again = await use('write_file', { path: 'notes/a.md', content: 'one\ntwo\nthree' })
  assert.deepEqual(again, { path: '/notes/a.md', size_bytes: 13, created: false })
  const bytes = { path: '/pixel', content: 'AP8=', encoding: 'base64' }
  assert.deepEqual(await use('write_file', bytes), { path: '/pixel', size_bytes: 2, created: true })
  assert.deepEqual(await use('read_file', { path: '/notes/a.md' }), {
    path: '/notes/a.md',
    content: 'one\ntwo\nthree',
    encoding: 'text',
    size_bytes: 13,
  })
  const middle = await use('read_file', { path: '/notes/a.md', offset: 4, limit: 3 })
  assert.deepEqual(middle, {
    path: '/notes/a.md',
    content: 'two',
    encoding: 'text',
    size_bytes: 13,
    offset: 4,
    truncated: true,
    next_offset: 7,
  })
  assert.equal((await use('read_file', { path: '/pixel' })).content, 'AP8=')
  assert.deepEqual(await use('list_directory'), {
    path: '/',
    entries: [
      { name: 'notes', path: '/notes', is_directory: true, size_bytes: 0, is_readonly: false },
      { name: 'pixel', path: '/pixel', is_directory: false, size_bytes: 2, is_readonly: false },
    ],
    count: 2,
  })
  assert.deepEqual(await use('grep_files', { pattern: '^t', path_pattern: '*.md' }), {
    pattern: '^t',
    matches: [
      { path: '/notes/a.md', line_number: 2, line: 'two' },
      { path: '/notes/a.md', line_number: 3, line: 'three' },
    ],
    match_count: 2,
  })
  const { created_at, updated_at, ...stat } = await use('stat_file', { path: '/notes/a.md' })
  assert.ok(created_at < updated_at)
  assert.deepEqual(stat, {
    path: '/notes/a.md',
    name: 'a.md',
    exists: true,
    is_directory: false,
    is_readonly: false,
    size_bytes: 13,
  })
  assert.deepEqual(await use('stat_file', { path: '/no' }), { path: '/no', exists: false })
  assert.deepEqual(await use('delete_file', { path: '/pixel' }), { path: '/pixel', deleted: true })
  const gone = await use('delete_file', { path: '/notes', recursive: true })
  assert.deepEqual(gone, { path: '/notes', deleted: true })
  assert.equal((await server.call('GET', fs)).body.total, 0)
  const events = await eventsOf(server, session.id, '?types=files.changed')
  assert.equal(events.length, 5)
  assert.ok(events.every(({ data, context }) => 'tool_call_id' in data && context.turn_id))
})

test('the model and clients get the same errors of files', async (t) => {
  const { server, fs, use } = await begin(t)
  await server.call('POST', `${fs}/dir/fixed`, { content: 'x', is_readonly: true })
  const errors: [string, object, string][] = [
    ['read_file', { path: '/none' }, 'File not found: /none'],
    ['read_file', { path: '/dir' }, '/dir is a directory'],
    ['read_file', {}, 'Invalid arguments for read_file: the input needs path.'],
    ['write_file', { path: '/dir/fixed', content: '' }, 'Cannot modify readonly file: /dir/fixed'],
    ['write_file', { path: '/dir', content: '' }, 'Cannot update directory: /dir'],
    ['write_file', { path: '/dir/fixed/x', content: '' }, 'A file exists at path: /dir/fixed'],
    ['write_file', { path: '/../x', content: '' }, "Invalid path: '..' is not allowed."],
    ['write_file', { path: '/x\0', content: '' }, 'Invalid path: it contains NUL.'],
    [
      'write_file',
      { path: '/_x', content: '' },
      "Paths starting with '_' are reserved for system actions",
    ],
    ['write_file', { path: '/x', content: '%', encoding: 'base64' }, 'The content is not base64.'],
    ['list_directory', { path: '/none' }, 'Path not found: /none'],
    ['list_directory', { path: '/dir/fixed' }, 'Not a directory: /dir/fixed'],
    ['grep_files', { pattern: '(' }, 'Invalid regex: missing closing ): `(`'],
    ['delete_file', { path: '/none' }, 'File not found: /none'],
    ['delete_file', { path: '/dir' }, 'Directory is not empty. Use recursive=true to delete'],
    ['delete_file', { path: '/dir', recursive: true }, 'Cannot modify readonly file: /dir/fixed'],
    ['delete_file', { path: '/' }, 'Cannot delete root directory'],
  ]
  for (const [name, args, words] of errors) assert.equal(await use(name, args), words)
  assert.equal((await server.call('GET', `${fs}?recursive=true`)).body.total, 2)
})

test('config readonly offers only tools that read, and the prompt states it', async (t) => {
  const { server, session, use } = await begin(t, { readonly: true })
  const { body } = await server.call('GET', `/v1/sessions/${session.id}/preview`)
  const names = body.tools.map(({ name }: { name: string }) => name)
  assert.deepEqual(names, ['read_file', 'list_directory', 'grep_files', 'stat_file'])
  assert.match(body.system_prompt, /You cannot change them/)
  const refused = await use('write_file', { path: '/x', content: '' })
  assert.equal(refused, 'Tool definition not found: write_file')
  const wrong = await server.call('POST', '/v1/agents', {
    name: 'X',
    system_prompt: 'X',
    capabilities: [{ ref: 'session_file_system', config: { readonly: 'yes' } }],
  })
  assert.deepEqual(wrong.body.details[0].path, 'capabilities/0/config/readonly')
})

test('concurrent calls lose no change, and files outlast the turn', async (t) => {
  const { server, session, fs } = await begin(t)
  const calls = Array.from({ length: 12 }, (_, n) => ({
    name: 'write_file',
    arguments: { path: `/many/${n}`, content: `${n}` },
  }))
  await converse(t, server, session.id, scripted({ tool_calls: calls }, { text: 'Done.' }))
  const { body } = await server.call('GET', `${fs}/many`)
  assert.equal(body.total, 12)
})

test('writes and reads megabytes in parts, split between characters', async (t) => {
  const { server, fs, use } = await begin(t)
  const content = '😀é"\\\n'.repeat(60_000)
  await server.call('POST', `${fs}/long`, { content })
  let read = ''
  let parts = 0
  for (let offset: number | undefined = 0; offset !== undefined; parts++) {
    const part: { content: string; next_offset?: number } = await use('read_file', {
      path: '/long',
      offset,
    })
    assert.ok(part.content.isWellFormed())
    read += part.content
    offset = part.next_offset
  }
  assert.ok(read === content)
  assert.ok(parts > 5 && parts < 20, String(parts))
})
