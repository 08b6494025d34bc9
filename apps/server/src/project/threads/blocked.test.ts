import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toolFile } from '../../../test/processes/project-files.ts'
import { recordLog, startProject } from '../../../test/processes/project-server.ts'
import { converse, scripted } from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'

/** The `input` of a library whose validation has the given body. */
const library = (validate: string) => `input: { '~standard': {
  version: 1, vendor: 'own', validate(value) { ${validate} },
  jsonSchema: { input: () => ({ type: 'object', properties: {} }) },
} },`

const greet = toolFile("return 'hello'")
const spin = (body = 'for (;;) {}', timeoutMs = 500) =>
  toolFile(body, `limits: { timeoutMs: ${timeoutMs} },`)

/** Blocks its thread for good, after a report that it does. */
const block = toolFile('context.progress({ progress: 1 }); for (;;) {}')

/** Counts its attempts, and waits until the session has the file `/go`. */
const waiting = (replay: string, before = '') =>
  toolFile(
    `const { files, storage } = context
     const attempts = Number((await storage.values.get('attempts')) ?? 0) + 1
     ${before}
     await storage.values.set('attempts', String(attempts))
     context.progress({ progress: attempts })
     while (!(await files.find('/go'))) await new Promise((next) => setTimeout(next, 20))
     return attempts`,
    `replay: '${replay}',`,
  )

test('an endless loop ends at its time limit, and other sessions continue', async (t) => {
  const { openSession } = await startProject(t, {
    spin: spin(),
    spin_later: spin('await context.files.list("/"); for (;;) {}'),
    match: spin("/^(a+)+$/.test('a'.repeat(60) + 'b')"),
    greet,
  })
  const [spinning, other] = [await openSession(), await openSession()]
  for (const name of ['spin', 'spin_later', 'match']) {
    const outcome = spinning.use(name)
    for (let n = 0; n < 3; n += 1) assert.equal(await other.resultOf('greet'), 'hello')
    const { status, error } = await outcome
    assert.deepEqual([status, error], ['timeout', 'The tool did not finish within 500 ms.'], name)
    assert.equal(await spinning.resultOf('greet'), 'hello')
  }
})

test('calls that a blocked thread has not begun run in another thread meanwhile', async (t) => {
  const { log, lines } = recordLog()
  const tools = { spin: block, send: toolFile('return 1', "replay: 'unsafe',") }
  const { openSession } = await startProject(t, tools, { log })
  const [spinning, other] = [await openSession(), await openSession()]
  assert.equal(await other.resultOf('send'), 1)
  let isOver = false
  const outcome = spinning.use('spin').finally(() => {
    isOver = true
  })
  await spinning.event('tool.progress')
  assert.equal(await other.resultOf('send'), 1)
  assert.equal(await other.resultOf('send'), 1)
  assert.equal(isOver, false)
  const told = lines.filter(({ message }) => message.startsWith('a tool blocks its thread'))
  assert.ok(told.some(({ about }) => JSON.stringify(about).includes('"spin"')))
  await spinning.cancel()
  assert.equal((await outcome)?.status, 'cancelled')
})

test('calls that had begun in an ended thread run again only if they may', async (t) => {
  const waits = {
    wait_safe: waiting('safe'),
    wait_unsafe: waiting('unsafe'),
    wait_unchanged: waiting('until_changed'),
    wait_changed: waiting('until_changed', "await files.write('/changed', 'x')"),
  }
  const { log, lines } = recordLog()
  const tools = { spin: spin('for (;;) {}', 3_000), ...waits }
  const { openSession } = await startProject(t, tools, { log })

  /**
   * The outcomes of calls whose thread `spin` has ended. Undefined if it ran in another one: a
   * thread that gets no processor for a second counts as blocked, and calls use another one.
   */
  async function endTheirThread() {
    lines.length = 0
    const calls = await Promise.all(
      Object.keys(waits).map(async (name) => {
        const session = await openSession()
        const outcome = session.use(name)
        await session.event('tool.progress')
        return { session, outcome }
      }),
    )
    assert.equal((await (await openSession()).use('spin')).status, 'timeout')
    for (const { session } of calls) await session.write('/go', '')
    const outcomes = await Promise.all(calls.map(({ outcome }) => outcome))
    const ends = lines.filter(({ message }) => message.startsWith('a thread is ended'))
    const isTheirs = ends.some(({ about }) =>
      Object.keys(tools).every((name) => (about.tools as string[]).includes(name)),
    )
    return isTheirs ? outcomes : undefined
  }

  const [safe, unsafe, unchanged, changed] = await eventually(endTheirThread)
  assert.deepEqual(safe?.result, [{ type: 'text', text: '2' }])
  assert.deepEqual(unchanged?.result, [{ type: 'text', text: '2' }])
  assert.match(unsafe!.error!, /interrupted\. It is unknown whether it had an effect/)
  assert.match(changed!.error!, /interrupted after it had changed files/)
})

test('a schema that never finishes fails its call, and other sessions continue', async (t) => {
  const ofFields = (fields: string) => `input: { type: 'object', properties: { ${fields} } },`
  const { server, openSession } = await startProject(t, {
    match: toolFile('return 1', ofFields("text: { type: 'string', pattern: '^(a+)+$' }")),
    parse: toolFile('return 1', `limits: { timeoutMs: 500 }, ${library('for (;;);')}`),
    greet,
  })
  const [session, other] = [await openSession(), await openSession()]
  const slow = await session.use('match', { text: `${'a'.repeat(60)}b` })
  assert.equal(slow.error, 'Invalid arguments for match: their validation takes too long.')
  const outcome = session.use('parse')
  assert.equal(await other.resultOf('greet'), 'hello')
  assert.equal((await outcome).error, 'The tool did not finish within 500 ms.')
  assert.equal((await server.call('GET', '/v1/agents')).status, 200)
})

test('the other calls of a reply are refused after one with slow arguments', async (t) => {
  const fields =
    "input: { type: 'object', properties: { text: { type: 'string', pattern: '^(a+)+$' } } },"
  const tools = { match: toolFile('return 1', fields), greet }
  const { server, openSession } = await startProject(t, tools)
  const { id } = await openSession()
  const texts = ['a', ...Array(12).fill(`${'a'.repeat(60)}b`), 'a']
  const calls = texts.map((text, n) => ({ id: `c${n}`, name: 'match', arguments: { text } }))
  const script = scripted(
    { tool_calls: [...calls, { name: 'greet', arguments: {} }] },
    { text: '' },
  )
  const events = await converse(t, server, id, script)
  const errors = events.flatMap((event) =>
    event.type === 'tool.completed' ? [event.data.error ?? 'none'] : [],
  )
  const slow = 'Invalid arguments for match: their validation takes too long.'
  assert.deepEqual(errors.sort(), [...Array(13).fill(slow), 'none', 'none'])
})

test('a schema that never finishes keeps its thread for the time of its call only', async (t) => {
  const tools = {
    spin: block,
    parse: toolFile('return 1', `limits: { timeoutMs: 500 }, ${library('for (;;);')}`),
    greet,
  }
  const { openSession } = await startProject(t, tools)
  const sessions = await Promise.all(Array.from({ length: 4 }, openSession))
  const last = sessions.pop()!
  for (const session of sessions) {
    void session.use('spin').catch(() => {})
    await session.event('tool.progress')
  }
  assert.equal(await last.resultOf('greet'), 'hello')
  assert.equal((await last.use('parse')).error, 'The tool did not finish within 500 ms.')
  assert.equal(await last.resultOf('greet'), 'hello')
  for (const session of sessions) await session.cancel()
})

test('a call fails with a reason when all threads are blocked', async (t) => {
  const tools = { spin: block, greet, parse: toolFile('return 1', library('return { value }')) }
  const { openSession } = await startProject(t, tools)
  const sessions = await Promise.all(Array.from({ length: 5 }, openSession))
  const last = sessions.pop()!
  for (const session of sessions) {
    void session.use('spin').catch(() => {})
    await session.event('tool.progress')
  }
  for (const name of ['greet', 'parse']) {
    const { error } = await last.use(name)
    assert.equal(error, 'All threads for tools are blocked by other calls. Try again later.', name)
  }
  for (const session of sessions) await session.cancel()
  assert.equal(await last.resultOf('greet'), 'hello')
})

test('a loop that a finished call left in a timer blocks no later call, and ends', async (t) => {
  const { log, lines } = recordLog()
  const tools = { leave: toolFile("setTimeout(() => { for (;;); }, 1); return 'left'"), greet }
  const { openSession } = await startProject(t, tools, { log })
  const session = await openSession()
  assert.equal(await session.resultOf('leave'), 'left')
  assert.equal(await session.resultOf('greet'), 'hello')
  await eventually(async () => lines.some(({ message }) => message.startsWith('a thread is ended')))
  assert.equal(await session.resultOf('greet'), 'hello')
})
