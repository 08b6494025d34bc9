import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { queryRows, runSql } from '../../../test/database.ts'
import { toolFile } from '../../../test/processes/project-files.ts'
import { startProject } from '../../../test/processes/project-server.ts'
import { converse, scripted } from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'

test('a tool in a thread has all of its context', async (t) => {
  const { openSession } = await startProject(t, {
    use_files: toolFile(`
      const { files } = context
      const written = await files.write('/a/b.txt', 'one')
      await files.write('/a/c.bin', Buffer.from([0, 255]))
      const { file, bytes } = await files.read('/a/c.bin')
      await files.edit('/a/b.txt', (before) => before.toString() + ' two')
      let given = 'unset'
      await files.edit('/a/none.txt', (before) => { given = typeof before; return undefined })
      await files.apply([
        { kind: 'write', path: '/d/e.txt', bytes: Buffer.from('three') },
        { kind: 'directory', path: '/d/f' },
      ])
      const found = await files.find('/a/b.txt')
      const missing = await files.find('/nothing')
      const { results } = await files.grep('t[wh]', '/**')
      return {
        written: written.path,
        isBuffer: Buffer.isBuffer(bytes), bytes: [...bytes], size: file.size_bytes, given,
        listed: (await files.list('/a')).map(({ path }) => path),
        all: (await files.list('/', { recursive: true })).map(({ path }) => path),
        found: found.path, missing: typeof missing,
        lines: results.flatMap(({ matches }) => matches.map(({ line }) => line)),
        removed: [await files.remove('/d', { recursive: true }), await files.remove('/d')],
      }
    `),
    use_storage: toolFile(`
      const { values, secrets } = context.storage
      await values.set('name', 'Ada')
      await secrets.set('key', 'secret')
      return [
        await values.get('name'), await secrets.get('key'), typeof (await values.get('x')),
        (await values.list()).map(({ name }) => name), await secrets.remove('key'),
        await secrets.remove('key'),
      ]
    `),
    show: toolFile(`
      const { orgId, sessionId, turnId, callId, idempotencyKey, outputBytesMax, signal } = context
      const { user } = context
      context.progress({ progress: 1, total: 2, message: 'half' })
      return { orgId, sessionId, user, turnId, callId, idempotencyKey, outputBytesMax,
        signal: signal instanceof AbortSignal && !signal.aborted }
    `),
  })
  const session = await openSession({ user: 'customer-1' })
  assert.deepEqual(await session.resultOf('use_files'), {
    written: '/a/b.txt',
    isBuffer: true,
    bytes: [0, 255],
    size: 2,
    given: 'undefined',
    listed: ['/a/b.txt', '/a/c.bin'],
    all: ['/a', '/a/b.txt', '/a/c.bin', '/d', '/d/e.txt', '/d/f'],
    found: '/a/b.txt',
    missing: 'undefined',
    lines: ['one two', 'three'],
    removed: [true, false],
  })
  assert.equal(await session.read('/a/b.txt'), 'one two')
  assert.deepEqual(await session.resultOf('use_storage'), [
    'Ada',
    'secret',
    'undefined',
    ['name'],
    true,
    false,
  ])
  const shown = await session.resultOf('show')
  assert.deepEqual([shown.sessionId, shown.user], [session.id, 'customer-1'])
  assert.equal(shown.signal, true)
  for (const name of ['orgId', 'turnId', 'callId', 'idempotencyKey']) {
    assert.ok(shown[name].length > 0, name)
  }
  const event = await session.event('tool.progress')
  assert.ok('message' in event.data && event.data.message === 'half')
})

test('errors of the context are those that a model may read, also after a tool handled them', async (t) => {
  const { openSession } = await startProject(t, {
    read_missing: toolFile("return context.files.read('/missing')"),
    inspect: toolFile(`
      const error = await context.files.read('/missing').catch((error) => error)
      return [error.name, error.code, error.status, error instanceof Error]
    `),
    edit_fails: toolFile(`
      class OwnError extends Error {}
      const fail = () => { throw new OwnError('mine') }
      const error = await context.files.edit('/x', fail).catch((error) => error)
      await context.files.edit('/y', () => { throw new ToolError('No edit.') })
    `),
    wrong_types: toolFile(`
      const { files } = context
      const tries = [
        () => files.write('/x', () => {}), () => files.write('/x', undefined), () => files.list(1),
        () => files.edit('/x', undefined), () => files.apply([{ kind: 'write', path: '/x' }]),
        () => files.read('relative/../..'), () => files.edit('/x', () => 5n),
        () => context.storage.values.set('a', Symbol()), () => context.fetch('no url'),
        () => files.edit('/x', async () => 'later'),
      ]
      const all = await Promise.all(tries.map(async (one) => {
        try { await one(); return 'nothing' } catch (error) { return error.name }
      }))
      return all
    `),
  })
  const session = await openSession()
  const { error } = await session.use('read_missing')
  assert.match(error!, /\/missing/)
  assert.deepEqual(await session.resultOf('inspect'), ['ApiError', 'file_not_found', 404, true])
  assert.equal((await session.use('edit_fails')).error, 'No edit.')
  const failures = await session.resultOf('wrong_types')
  assert.ok(!failures.includes('nothing'), failures.join())
  assert.equal(failures.at(-1), 'TypeError', 'a promise could wait for the locked files')
  assert.equal(await session.read('/x'), undefined)
})

test('edits of one file in parallel all count', async (t) => {
  const { server, openSession } = await startProject(t, {
    add: toolFile(`
      for (let n = 0; n < 5; n += 1) {
        await context.files.edit('/n', (bytes) => String(Number(bytes ?? 0) + 1))
      }
    `),
  })
  const session = await openSession()
  const calls = Array.from({ length: 10 }, (_, n) => ({ name: 'add', arguments: { n } }))
  await converse(t, server, session.id, scripted({ tool_calls: calls }, { text: 'Done.' }))
  assert.equal(await session.read('/n'), '50')
})

test('an edit waits without a database connection while its thread is blocked', async (t) => {
  const { openSession, server, folder } = await startProject(t, {
    edit: toolFile(
      `
      const { existsSync, writeFileSync } = await import('node:fs')
      let tries = 0
      await context.files.edit('/n', () => {
        tries += 1
        if (input.until && tries === 1) {
          writeFileSync(input.until + '.waits', '')
          while (!existsSync(input.until));
        }
        return 'done ' + tries
      })
    `,
      "input: { type: 'object', properties: { until: { type: 'string' } } },",
    ),
  })
  const until = path.join(folder, 'go')
  const sessions = await Promise.all(Array.from({ length: 12 }, openSession))
  const calls = Promise.all(
    sessions.map((session, n) => session.use('edit', n === 0 ? { until } : {})),
  )
  await eventually(async () => existsSync(`${until}.waits`))
  const holding = `select from pg_stat_activity
    where datname = current_database() and state = 'idle in transaction'`
  await eventually(async () => (await queryRows(server.databaseUrl, holding)).length === 0)
  for (let n = 0; n < 20; n += 1) assert.equal((await server.call('GET', '/v1/agents')).status, 200)
  writeFileSync(until, '')
  for (const { success, error } of await calls) assert.ok(success, error ?? '')
  const [first, ...others] = await Promise.all(sessions.map((session) => session.read('/n')))
  assert.match(first!, /^done ([2-9]|\d\d)$/)
  for (const text of others) assert.match(text, /^done \d+$/)
})

test('a call of an earlier attempt changes neither files nor values', async (t) => {
  const { openSession, server, folder } = await startProject(t, {
    write_late: toolFile(
      `
      const { files, storage, progress } = context
      progress({ progress: 1 })
      while (!(await files.find('/go'))) await new Promise((next) => setTimeout(next, 10))
      const tries = [
        () => files.write('/late', 'x'), () => files.edit('/late', () => 'x'),
        () => files.apply([{ kind: 'directory', path: '/late' }]), () => files.remove('/go'),
        () => storage.values.set('late', 'x'),
      ]
      const failures = []
      for (const one of tries) await one().catch(({ name }) => failures.push(name))
      const { renameSync, writeFileSync } = await import('node:fs')
      const place = import.meta.dirname + '/failures.json'
      writeFileSync(place + '.half', JSON.stringify(failures))
      renameSync(place + '.half', place)
      await files.write('/late', 'x')
    `,
      "replay: 'unsafe',",
    ),
  })
  const session = await openSession()
  void session.use('write_late').catch(() => {})
  await session.event('tool.progress')
  const ofSession = `where id = '${session.id}'`
  await runSql(
    server.databaseUrl,
    `update sessions set turn_attempt = turn_attempt + 1 ${ofSession}`,
  )
  await session.write('/go', '')
  const place = `${folder}/tools/failures.json`
  await eventually(async () => existsSync(place))
  const failures = JSON.parse(readFileSync(place, 'utf8'))
  assert.deepEqual(failures, Array(5).fill('StaleAttemptError'))
  assert.deepEqual([await session.read('/late'), await session.read('/go')], [undefined, ''])
})

test('a thousand calls of many sessions interleave, and each gets its own result', async (t) => {
  const { server, openSession } = await startProject(t, {
    echo: toolFile(
      `const { sessionId, storage } = context
       const key = 'k' + input.n
       await storage.values.set(key, sessionId + input.n)
       await new Promise((next) => setTimeout(next, (input.n * 7) % 13))
       return { n: input.n, own: (await storage.values.get(key)) === sessionId + input.n, sessionId }`,
      "input: { type: 'object', properties: { n: { type: 'integer' } } },",
    ),
  })
  const sessions = await Promise.all(Array.from({ length: 20 }, openSession))
  await Promise.all(
    sessions.map(async ({ id }, place) => {
      const numbers = Array.from({ length: 50 }, (_, n) => place * 50 + n)
      const calls = numbers.map((n) => ({ id: `c${n}`, name: 'echo', arguments: { n } }))
      const script = scripted({ tool_calls: calls }, { text: 'Done.' })
      const events = await converse(t, server, id, script)
      const results = events.flatMap((event) =>
        event.type === 'tool.completed' ? [[event.data.tool_call_id, event.data.result]] : [],
      )
      for (const n of numbers) {
        const found = results.find(([call]) => call === `c${n}`) as [string, { text: string }[]]
        assert.deepEqual(JSON.parse(found[1][0]!.text), { n, own: true, sessionId: id })
      }
    }),
  )
})

test('a tool cannot answer for other calls through the ports of its thread', async (t) => {
  const { openSession } = await startProject(t, {
    forge: toolFile(`
      const threads = await import('node:worker_threads')
      const forged = [1, 2, 3, 4, 5, 6].flatMap((id) => [
        { id, value: { json: '"forged"', images: [] } },
        { id, name: 'operate', value: { call: id, name: 'files.write', value: ['/forged', 'x'] } },
        { name: 'progress', value: { call: id, progress: { progress: 99 } } },
      ])
      for (const message of forged) {
        try { threads.parentPort.postMessage(message) } catch {}
        try { process.emit('workerMessage', message, 0) } catch {}
      }
      await threads.postMessageToThread(0, forged).catch(() => {})
      return { data: Object.keys(threads.workerData), listeners: threads.parentPort.listenerCount('message') }
    `),
    slow: toolFile(`
      context.progress({ progress: 1 })
      while (!(await context.files.find('/go'))) await new Promise((next) => setTimeout(next, 10))
      return 'genuine'
    `),
  })
  const [victim, attacker] = [await openSession(), await openSession()]
  const outcome = victim.resultOf('slow')
  await victim.event('tool.progress')
  assert.deepEqual(await attacker.resultOf('forge'), {
    data: ['compileCache'],
    listeners: 0,
  })
  await victim.write('/go', '')
  assert.equal(await outcome, 'genuine')
  for (const session of [victim, attacker]) assert.equal(await session.read('/forged'), undefined)
})

test('run gets the value of its schema library, and a result is checked once', async (t) => {
  const schema = `
    const library = (validate) => ({
      '~standard': {
        version: 1,
        vendor: 'own',
        validate,
        jsonSchema: { input: () => anyObject, output: () => anyObject },
      },
    })
    const anyObject = { type: 'object', properties: {} }
    class Order { constructor(fields) { Object.assign(this, fields) } total() { return 42 } }
  `
  const fields = `
    input: library((value) => ({ value: new Order(value) })),
    output: library((value) =>
      value.bad
        ? { issues: [{ message: 'is bad', path: ['bad'] }] }
        : { value: { ...value, checks: (value.checks ?? 0) + 1 } }),
  `
  const { openSession } = await startProject(t, {
    order: schema + toolFile('return { total: input.total(), bad: input.bad }', fields),
  })
  const session = await openSession()
  assert.deepEqual(await session.resultOf('order'), { total: 42, checks: 1 })
  assert.match(
    (await session.use('order', { bad: true })).error!,
    /does not match its schema: .*bad/,
  )
})
