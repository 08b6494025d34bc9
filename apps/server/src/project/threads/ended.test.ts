import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { toolFile, writeProject } from '../../../test/processes/project-files.ts'
import { recordLog, startProject } from '../../../test/processes/project-server.ts'
import { eventually } from '../../../test/waiting.ts'
import { loadProject } from '../load.ts'
import { createThreads } from './threads.ts'

/** Counts the calls in its thread. */
const count = `
  import { defineTool } from 'outlast'
  let calls = 0
  export default defineTool({ description: 'Counts.', replay: 'safe', run: () => (calls += 1) })
`

async function start(t: TestContext, tools: Record<string, string>) {
  const { log, lines } = recordLog()
  const env = { LOG_LEVEL: 'silent', FILE_SIZE_MB: '1' }
  const project = await startProject(t, { count, ...tools }, { log, env })
  const session = await project.openSession()
  const line = (message: string) =>
    eventually(async () => lines.find((one) => one.message === message))
  return { ...project, session, line, lines }
}

/**
 * Resolves once two calls run in the same thread, with `between` between them. A thread that gets
 * no processor for a second counts as blocked, and calls use another one.
 */
const untilKept = (resultOf: (tool: string) => Promise<unknown>, between = async () => {}) =>
  eventually(async () => {
    const before = (await resultOf('count')) as number
    await between()
    return (await resultOf('count')) === before + 1
  })

const ended = 'a thread with tools has ended'
const interrupted = 'The call was interrupted. It is unknown whether it had an effect.'

test('a report of progress that cannot be sent ends no thread', async (t) => {
  const { session, lines } = await start(t, {
    report: toolFile(`
      context.progress({ progress: 1 })
      context.progress({ progress: 2, total: {}, message: () => {} })
      context.progress({ progress: 3n })
      await new Promise((next) => setTimeout(next, 200))
      return 'reported'
    `),
  })
  assert.equal(await session.resultOf('report'), 'reported')
  assert.deepEqual(
    lines.filter(({ message }) => message === ended),
    [],
  )
})

test('a call that never settles is left with its signal', async (t) => {
  const hang = toolFile('context.progress({ progress: 1 }); await new Promise(() => {})')
  const location = { folder: writeProject(t, { 'tools/hang.ts': hang }) }
  const threads = createThreads({ location, fileBytesMax: 1_048_576, log: recordLog().log })
  t.after(threads.stop)
  const { capabilities } = threads.wrap(await loadProject(location))
  const begun = Promise.withResolvers<void>()
  const ending = new AbortController()
  const context = { signal: ending.signal, progress: () => begun.resolve() }
  const running = capabilities[0]!.tools({})[0]!.run({}, context as never)
  await begun.promise
  ending.abort(new Error('The time is over.'))
  await assert.rejects(async () => running, /The time is over/)
})

test('a tool that ends its thread loses its call only, and runs once', async (t) => {
  const { session, line, openSession, lines } = await start(t, {
    exit: toolFile(
      'context.progress({ progress: 1 }); await context.files.list("/"); process.exit(0)',
    ),
    throw_later: toolFile(
      "setTimeout(() => { throw new Error('from a timer') }, 1); return new Promise(() => {})",
    ),
    throw_event: toolFile(
      "process.nextTick(() => process.emit('uncaughtException', new Error('x'))); throw new Error('plain')",
    ),
  })
  const other = await openSession()
  for (const name of ['exit', 'throw_later']) {
    const { status, error } = await session.use(name)
    assert.deepEqual([status, error], ['error', interrupted], name)
    const { about } = await line(ended)
    assert.equal(about.culprit, name)
    lines.length = 0
    assert.equal(await other.resultOf('count'), 1)
    await untilKept(other.resultOf)
  }
  const { error } = await session.use('throw_event')
  assert.equal(error, 'An internal error occurred while executing the tool')
})

test('a schema that ends its thread fails its call, which does not run', async (t) => {
  const { session } = await start(t, {
    parse: toolFile(
      'return 1',
      `input: { '~standard': {
        version: 1, vendor: 'own', validate() { process.exit(0) },
        jsonSchema: { input: () => ({ type: 'object', properties: {} }) },
      } },`,
    ),
  })
  const { error } = await session.use('parse')
  assert.equal(error, 'The call did not run: the validation of its arguments was interrupted.')
})

test('an unhandled rejection in a tool is logged, and its thread continues', async (t) => {
  const { session, line } = await start(t, {
    reject: toolFile("void Promise.reject(new Error('nobody waits')); return 'fine'"),
  })
  await untilKept(session.resultOf, async () => {
    assert.equal(await session.resultOf('reject'), 'fine')
  })
  const { about } = await line('unhandled rejection in a tool')
  assert.equal((about.error as Error).message, 'nobody waits')
})

// They take no more than they need for that: the measurement can be late.
test('a tool that fills the memory ends its thread, and the server continues', async (t) => {
  const { session, line } = await start(t, {
    fill: toolFile(
      `const { getHeapStatistics } = await import('node:v8')
       const all = []
       while (getHeapStatistics().used_heap_size < 1.3e9) {
         for (let n = 0; n < 1e5; n += 1) all.push({ n })
       }
       for (;;) all[0].n += 1`,
      "replay: 'unsafe',",
    ),
    fill_buffers: toolFile(
      `const all = Array.from({ length: 130 }, () => Buffer.alloc(1e7, 1))
       for (;;) all[0][0] += 1`,
      "replay: 'unsafe',",
    ),
  })
  for (const name of ['fill', 'fill_buffers']) {
    assert.equal((await session.use(name)).error, interrupted)
    const { about } = await line('tools use too much memory: their thread is ended')
    assert.ok((about.memoryMb as number) > 1_024)
    assert.equal(await session.resultOf('count'), 1)
  }
})

test('threads that end again and again start after a pause', async (t) => {
  const { session, lines } = await start(t, { exit: toolFile('process.exit(3)') })
  for (let n = 0; n < 4; n += 1) assert.equal((await session.use('exit')).error, interrupted)
  assert.equal(lines.filter(({ message }) => message === ended).length, 4)
  assert.equal(await session.resultOf('count'), 1)
})

test('a tool that changes on disk to an invalid one fails its calls with a logged reason', async (t) => {
  const { session, line, lines, folder } = await start(t, { exit: toolFile('process.exit(3)') })
  writeFileSync(
    `${folder}/tools/count.ts`,
    "import { defineTool } from 'outlast'\nexport default 1 +",
  )
  await session.use('exit')
  lines.length = 0
  const { error } = await session.use('count')
  assert.equal(error, 'An internal error occurred while executing the tool')
  const { about } = await line(ended)
  assert.match(String(about.error), /tools\/count\.ts/)
})

test('results that are no JSON fail their call, and all others arrive', async (t) => {
  const { session, openSession, lines } = await start(t, {
    nothing: toolFile('return undefined'),
    method: toolFile('return () => 1'),
    integer: toolFile('return 10n'),
    circle: toolFile('const all = {}; all.all = all; return all'),
    date: toolFile('return { at: new Date(0), bytes: Buffer.from("a"), map: new Map() }'),
    deep: toolFile("throw Object.assign(new Error('x'), { self: () => {}, cause: { a() {} } })"),
    words: toolFile("throw 'just words'"),
    named: toolFile("throw Object.assign(new Error('x'), { name: 'toString' })"),
    prototype: toolFile("throw Object.assign(new Error('x'), { name: '__proto__' })"),
    refuse: toolFile("throw new ToolError('Not today.')"),
    image: toolFile(
      "return withImages({ n: 1 }, [{ mediaType: 'image/png', base64: 'AAAA', sizeBytes: 3 }])",
    ),
    large_image: toolFile(
      "return withImages(1, [{ mediaType: 'image/png', base64: 'A'.repeat(8_000_000), sizeBytes: 3 }])",
    ),
    long_words: toolFile("throw new ToolError('Not today. '.repeat(10_000))"),
    long: toolFile("return 'a'.repeat(3_000_000) + 'the end'"),
    never: toolFile('return new Promise(() => {})', 'limits: { timeoutMs: 300 },'),
  })
  assert.equal(await session.resultOf('nothing'), null)
  assert.equal(await session.resultOf('method'), null)
  const internal = 'An internal error occurred while executing the tool'
  for (const name of ['integer', 'circle', 'deep', 'words', 'named', 'prototype']) {
    assert.equal((await session.use(name)).error, internal, name)
  }
  assert.deepEqual(await session.resultOf('date'), {
    at: '1970-01-01T00:00:00.000Z',
    bytes: { type: 'Buffer', data: [97] },
    map: {},
  })
  assert.equal((await session.use('refuse')).error, 'Not today.')
  assert.deepEqual((await session.use('image')).result, [
    { type: 'text', text: '{"n":1}' },
    { type: 'image', base64: 'AAAA', media_type: 'image/png' },
  ])
  assert.match((await session.use('large_image')).error!, /images exceed the limits.*5 MiB/)
  assert.equal((await session.use('long_words')).error!.length, 20_000)
  const { beginning, end, ...long } = await session.resultOf('long')
  assert.deepEqual(long, {
    truncated: true,
    size_bytes: 3_000_009,
    full_output: long.full_output,
    full_output_bytes: 1_048_576,
  })
  assert.match(`${beginning} ${end}`, /^"a+ a+the end"$/)
  assert.equal((await session.use('never')).status, 'timeout')
  assert.equal(await (await openSession()).resultOf('count'), 1)
  // A thread that gets no processor for a second is replaced, and its log says so.
  const isOfSlowness = /^a (tool blocks its thread|thread is ended)/
  assert.deepEqual(
    lines.filter(({ message }) => !isOfSlowness.test(message)),
    [],
  )
})

test('a canceled turn aborts the signal of its calls in the thread', async (t) => {
  const { session, folder } = await start(t, {
    hold: toolFile(`
      const { signal, files } = context
      context.progress({ progress: 1 })
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      const late = await files.write('/late', 'x').catch((error) => 'refused')
      const { renameSync, writeFileSync } = await import('node:fs')
      const place = import.meta.dirname + '/seen.json'
      writeFileSync(place + '.half', JSON.stringify([signal.aborted, late]))
      renameSync(place + '.half', place)
    `),
  })
  const outcome = session.use('hold')
  await session.event('tool.progress')
  await session.cancel()
  assert.equal((await outcome).status, 'cancelled')
  const seen = `${folder}/tools/seen.json`
  await eventually(async () => existsSync(seen))
  assert.deepEqual(JSON.parse(readFileSync(seen, 'utf8')), [true, 'refused'])
  assert.equal(await session.read('/late'), undefined)
})
