import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../../apps/server/test/hooks.ts'
import { startServer } from '../../../../../apps/server/test/server.ts'
import { createSession, eventsOf, post, scripted } from '../../../../../apps/server/test/session.ts'
import { eventually } from '../../../../../apps/server/test/waiting.ts'
import { runHere } from '../../../test/here.ts'
import { startOutlast } from '../../../test/program.ts'
import { atTerminal } from '../../../test/terminal.ts'

let server: Awaited<ReturnType<typeof startServer>>
let sessionId: string

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  sessionId = (await createSession(server)).id
  await post(server, sessionId, 'hello\x1b[2J')
  await eventually(async () => (await eventsOf(server, sessionId)).at(-1)?.type === 'session.idled')
})

const events = (...args: string[]) => runHere(['events', ...args, '--url', server.url])

test('prints each stored event as a line with its main detail', async () => {
  const { code, stdout } = await events(sessionId)
  assert.equal(code, 0)
  const lines = stdout.trimEnd().split('\n')
  assert.equal(lines.length, (await eventsOf(server, sessionId)).length)
  assert.match(lines[1]!, /^\d{4}-\d\d-\d\d [\d:.]{12} {6}2 {2}input\.message {13}user: hello$/)
  assert.doesNotMatch(stdout, /\x1b/)
})

test('filters by types and excluded types, and begins after an event', async () => {
  const typesOf = async (...args: string[]) => {
    const { stdout } = await events(sessionId, '--json', ...args)
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).type)
  }
  assert.deepEqual(await typesOf('--types', 'turn.started,turn.completed'), [
    'turn.started',
    'turn.completed',
  ])
  const all = await typesOf()
  assert.deepEqual(await typesOf('--exclude', 'session.started'), all.slice(1))
  assert.deepEqual(await typesOf('--after', '3'), all.slice(3))
  assert.deepEqual(await typesOf('--until', 'idle', '--types', 'turn.completed'), [
    'turn.completed',
  ])
})

test('searches for a text, and for the events of a tool or a turn', async () => {
  const printed = async (...args: string[]) => {
    const { code, stdout, stderr } = await events(sessionId, '--json', ...args)
    assert.equal(code, 0, stderr)
    return stdout
      .trimEnd()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  }
  const found = await printed('--search', 'HELLO', '--types', 'input.message')
  assert.equal(found.length, 1)
  const turn = (await printed()).find(({ context }) => context.turn_id).context.turn_id
  const ofTurn = await printed('--turn', turn)
  assert.ok(ofTurn.length > 3 && ofTurn.every(({ context }) => context.turn_id === turn))
  assert.deepEqual(await printed('--tool', 'none'), [])
  assert.equal((await events(sessionId, '--search', 'x', '--follow')).code, 2)
})

test('exits with 2 for a mistake in the command line, and with 5 for an unknown session', async () => {
  assert.equal((await events(sessionId, '--after', 'x')).code, 2)
  assert.equal((await events(sessionId, '--until', 'noon')).code, 2)
  assert.equal((await events(`session_${'0'.repeat(32)}`)).code, 5)
  assert.equal((await events()).code, 2)
})

test('--follow prints new events until Ctrl-C, without deltas', async () => {
  const { id } = await createSession(server)
  const running = startOutlast(['events', id, '--follow', '--json', '--url', server.url])
  await running.says('stdout', /session\.started/)
  await post(server, id, scripted({ text: 'one two three four', tokens_per_second: 100 }))
  await running.says('stdout', /session\.idled.*\n/)
  running.child.kill('SIGINT')
  assert.equal(await running.ended, 130)
  const sequences = running.said.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).sequence)
  assert.deepEqual(
    sequences,
    sequences.map((_, at) => at + 1),
  )
})

test('--follow prints deltas that --types names', async () => {
  const { id } = await createSession(server)
  const args = [
    'events',
    id,
    '--follow',
    '--json',
    '--types',
    'output.message.delta,session.started',
  ]
  const running = startOutlast([...args, '--url', server.url])
  await running.says('stdout', /session\.started/)
  // The stream may begin later than the reply.
  await post(server, id, scripted({ text: 'word '.repeat(5_000), tokens_per_second: 10 }))
  await running.says('stdout', /output\.message\.delta/)
  running.child.kill('SIGINT')
  assert.equal(await running.ended, 130)
})

test('prints the detail below the type on a narrow terminal, within its width', async (t) => {
  const { code, shown } = atTerminal(t, ['events', sessionId, '--url', server.url], { columns: 20 })
  assert.equal(await code, 0)
  assert.match(shown(), /^2 input\.message\n {2}user: hello/m)
  assert.match(shown(), /^\d+ output\.message\.co…\n/m)
})
