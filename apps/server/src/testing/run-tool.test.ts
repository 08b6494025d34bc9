import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { defineCapability, defineTool, ToolError, Type, withImages } from '../authoring/index.ts'
import { runTool, ToolCallError } from './index.ts'
import { memoryFiles } from './memory-files.ts'
import { memoryStorage } from './memory-storage.ts'

const add = defineTool({
  description: 'Adds numbers.',
  replay: 'safe',
  input: Type.Object({ one: Type.Number(), other: Type.Number({ default: 1 }) }),
  run: ({ one, other }) => ({ sum: one + other, nothing: undefined, at: new Date(0) }),
})

test('a result is converted to JSON and back', async () => {
  const { result } = await runTool(add, { one: 1, other: 2 })
  assert.deepEqual(result, { sum: 3, at: '1970-01-01T00:00:00.000Z' })
  const silent = defineTool({ description: 'Is silent.', replay: 'safe', run() {} })
  assert.equal((await runTool(silent)).result, null)
})

test('arguments are validated as for a model, with TypeBox and with plain JSON Schema', async () => {
  await assert.rejects(runTool(add, { one: '1', other: 2 }, { name: 'add' }), {
    name: 'ToolCallError',
    message: /^Invalid arguments for add: one must be a number/,
  })
  const greet = defineTool({
    name: 'greet',
    description: 'Greets.',
    replay: 'safe',
    input: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
    run: ({ name }) => `Hello ${name}`,
  })
  assert.equal((await runTool(greet, { name: 'Ada' })).result, 'Hello Ada')
  await assert.rejects(runTool(greet, {}), /Invalid arguments for greet: the input needs name/)
})

test('a schema of another library gives `run` its own value', async () => {
  const shout = defineTool({
    name: 'shout',
    description: 'Shouts.',
    replay: 'safe',
    input: {
      '~standard': {
        version: 1,
        vendor: 'mine',
        types: undefined as unknown as { input: { text: string }; output: { text: string } },
        validate: (value: unknown) => {
          const { text } = value as { text: unknown }
          if (typeof text !== 'string')
            return { issues: [{ message: 'is no text', path: ['text'] }] }
          return { value: { text: text.toUpperCase() } }
        },
        jsonSchema: { input: () => ({ type: 'object', properties: { text: { type: 'string' } } }) },
      },
    },
    run: ({ text }) => text,
  })
  assert.equal((await runTool(shout, { text: 'hey' })).result, 'HEY')
  await assert.rejects(runTool(shout, { text: 5 }), /Invalid arguments for shout: text is no text/)
})

test('errors are those that a model would read, with the cause for the test', async () => {
  const failing = (error: Error) =>
    defineTool({
      description: 'Fails.',
      replay: 'safe',
      run() {
        throw error
      },
    })
  const meant = new ToolError('The card has expired.')
  await assert.rejects(runTool(failing(meant)), { message: meant.message, cause: meant })
  const secret = new Error('password is hunter2')
  await assert.rejects(runTool(failing(secret)), {
    message: 'An internal error occurred while executing the tool',
    cause: secret,
  })
  await assert.rejects(runTool({ run: () => 1 } as never), /is defined as a plain object/)
})

test('a result that does not match the output schema is an error', async () => {
  const tool = defineTool({
    name: 'count',
    description: 'Counts.',
    replay: 'safe',
    output: Type.Object({ count: Type.Integer() }),
    run: () => ({ count: 1.5 }),
  })
  await assert.rejects(
    runTool(tool),
    /The tool ran, but its result does not match its schema: count must be/,
  )
})

test('a call ends with its limit and with the signal', async () => {
  const slow = defineTool({
    description: 'Never ends.',
    replay: 'safe',
    limits: { timeoutMs: 20 },
    run: (_, { signal }) => once(signal, 'end', { signal }),
  })
  await assert.rejects(runTool(slow), /did not finish within 20 ms/)
  const patient = defineTool({
    description: 'Never ends.',
    replay: 'safe',
    run: () => new Promise(() => {}),
  })
  const signal = AbortSignal.abort()
  await assert.rejects(runTool(patient, {}, { signal }), /The call was cancelled/)
})

test('fetch is the one of the test, and fails without one', async () => {
  const load = defineTool({
    description: 'Loads.',
    replay: 'safe',
    run: async (_, { fetch }) => (await fetch('https://example.com/')).status,
  })
  await assert.rejects(runTool(load), (error: ToolCallError) => {
    assert.ok(error instanceof ToolCallError)
    return /fetched https:\/\/example\.com\/\. Give runTool the option/.test(String(error.cause))
  })
  const { result } = await runTool(
    load,
    {},
    { fetch: async () => new Response('', { status: 201 }) },
  )
  assert.equal(result, 201)
})

test('the context has a stable idempotency key, images and reports of progress', async () => {
  const tool = defineTool({
    description: 'Reports.',
    replay: 'unsafe',
    input: Type.Object({ id: Type.Number() }),
    run(_, { idempotencyKey, progress }) {
      progress({ progress: 1, total: 2, message: 'half' })
      return withImages({ idempotencyKey }, [{ mediaType: 'image/png', base64: '', sizeBytes: 0 }])
    },
  })
  const [one, again, other] = await Promise.all([
    runTool(tool, { id: 1 }),
    runTool(tool, { id: 1 }),
    runTool(tool, { id: 2 }),
  ])
  assert.equal(one.result.idempotencyKey, again.result.idempotencyKey)
  assert.notEqual(one.result.idempotencyKey, other.result.idempotencyKey)
  assert.deepEqual(one.progress, [{ progress: 1, total: 2, message: 'half' }])
  assert.equal(one.images[0]!.mediaType, 'image/png')
})

const notes = defineCapability({
  id: 'notes',
  config: Type.Object({ folder: Type.Optional(Type.String()) }),
  sessionRules: { folder: 'agent' },
  mounts: [{ path: '/notes/readme.txt', content: 'Read me.', isReadonly: true }],
  tools: ({ folder = '/notes' }) => [
    defineTool({
      name: 'write_note',
      description: 'Writes a note.',
      replay: 'until_changed',
      input: Type.Object({ name: Type.String(), text: Type.String() }),
      run: ({ name, text }, { files }) => files.write(`${folder}/${name}`, text),
    }),
    defineTool({
      name: 'count_notes',
      description: 'Counts notes.',
      replay: 'safe',
      run: async (_, { files }) => (await files.list(folder as string)).length,
    }),
  ],
})

test('a tool of a capability runs with its config and its files', async () => {
  const note = { name: 'a.txt', text: 'Hello' }
  const { files } = await runTool(notes, note, { name: 'write_note' })
  assert.equal(String((await files.read('/notes/a.txt')).bytes), 'Hello')
  const { result } = await runTool(notes, {}, { name: 'count_notes', files })
  assert.equal(result, 2)
  const given = { '/notes/b.txt': 'B', '/notes/readme.txt': 'Mine.' }
  const counted = await runTool(notes, {}, { name: 'count_notes', files: given })
  assert.equal(counted.result, 2)
  const elsewhere = await runTool(notes, note, { name: 'write_note', config: { folder: '/x' } })
  assert.equal(elsewhere.result.path, '/x/a.txt')
  await assert.rejects(runTool(notes, note), /several tools: choose one of write_note, count_notes/)
  await assert.rejects(runTool(notes, note, { name: 'read_note' }), /has no tool read_note/)
  await assert.rejects(
    runTool(notes, note, { name: 'count_notes', config: { folder: 5 } }),
    /config/,
  )
})

test('files in memory have the rules and errors of a server', async () => {
  const files = memoryFiles([{ path: '/a/fixed.txt', content: 'one\ntwo', isReadonly: true }])
  const code = (code: string) => ({ name: 'ApiError', code })
  await assert.rejects(files.write('/a/../b', ''), code('invalid_path'))
  await assert.rejects(files.write('/_system/x', ''), code('reserved_path'))
  await assert.rejects(files.write('/a/fixed.txt', 'other'), code('file_readonly'))
  await assert.rejects(files.write('/a/fixed.txt/x', ''), code('path_is_file'))
  await assert.rejects(files.read('/missing'), code('file_not_found'))
  await assert.rejects(files.read('/a'), code('not_a_file'))
  await assert.rejects(files.list('/missing'), code('path_not_found'))
  await assert.rejects(files.remove('/a', { recursive: true }), code('file_readonly'))
  await assert.rejects(files.write('/big', Buffer.alloc(11_000_000)), code('file_too_large'))
  await assert.rejects(files.grep('('), code('invalid_regex'))
  await assert.rejects(
    files.apply([
      { kind: 'write', path: '/whole', bytes: Buffer.from('x') },
      { kind: 'remove', path: '/a' },
    ]),
    code('file_readonly'),
  )
  assert.equal(await files.find('/whole'), undefined)
  assert.equal(await files.remove('/missing'), false)
  await files.write('/b.txt', 'two more')
  await files.edit('/b.txt', (bytes) => `${bytes}!`)
  const { results } = await files.grep('^two', '*.txt')
  assert.deepEqual(
    results.map(({ path, matches }) => [path, matches.map(({ line }) => line)]),
    [
      ['/a/fixed.txt', ['two']],
      ['/b.txt', ['two more!']],
    ],
  )
  const paths = (list: { path: string }[]) => list.map(({ path }) => path)
  assert.deepEqual(paths(await files.list('/')), ['/a', '/b.txt'])
  assert.deepEqual(paths(await files.list('/', { recursive: true })), [
    '/a',
    '/a/fixed.txt',
    '/b.txt',
  ])
})

test('storage in memory has the limits and errors of a server', async () => {
  const { values, secrets } = memoryStorage({ values: { city: 'Kyiv' }, secrets: { key: 'k' } })
  assert.equal(await values.get('city'), 'Kyiv')
  assert.equal(await secrets.get('city'), undefined)
  await values.set('area', 'x')
  assert.deepEqual(
    (await values.list()).map(({ name }) => name),
    ['area', 'city'],
  )
  assert.equal(await values.remove('city'), true)
  assert.equal(await values.remove('city'), false)
  await assert.rejects(values.set('', 'x'), { code: 'invalid_request' })
  await assert.rejects(values.set('nul', 'a\0'), { code: 'invalid_request' })
  await assert.rejects(secrets.set('long', 'x'.repeat(70_000)), { code: 'value_too_large' })
  for (let count = 1; count < 1_000; count++) await values.set(`n${count}`, '')
  await assert.rejects(values.set('one too many', ''), { code: 'storage_full' })
})
