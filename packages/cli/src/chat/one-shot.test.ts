import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { startServer } from '../../../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  scripted,
} from '../../../../apps/server/test/session.ts'
import { eventually } from '../../../../apps/server/test/waiting.ts'
import { runHere } from '../../test/here.ts'
import { startOutlast } from '../../test/program.ts'
import { gathers, startProxy } from '../../test/proxy.ts'

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
})

const chat = (...args: string[]) => runHere(['chat', ...args, '--url', server.url])

const clerk = () =>
  createAgent(server, {
    name: 'Clerk',
    capabilities: [{ ref: 'session_file_system', config: { requires_approval: ['write_file'] } }],
  })

const writing = scripted(
  {
    text: 'I write.',
    tool_calls: [{ name: 'write_file', arguments: { path: '/a', content: 'b' } }],
  },
  { text: 'It is **done**.' },
)
/** A reply that does not end during a test. */
const slow = scripted({ text: `${'word '.repeat(200)}end`, tokens_per_second: 2 })

test('prints the answer to stdout, and tool calls and the next command to stderr', async () => {
  const { code, stdout, stderr } = await chat('--agent', 'assistant', 'What is 2 + 3?')
  assert.deepEqual([code, stdout], [0, '2 + 3 = 5. (simulated)\n'])
  assert.match(
    stderr,
    /→ add \{"a":2,"b":3\}\n✓ add [\d.]+ m?s \{.*5\}\nContinue with `outlast chat --session session_/,
  )
})

test('continues a session with its own agent', async () => {
  const { id } = await createSession(server)
  assert.equal((await chat('-s', id, 'What', 'is', '1 + 1?')).code, 0)
  assert.deepEqual((await eventsOf(server, id, '?types=input.message')).length, 1)
  const { code, stderr } = await chat('-s', id, '-a', 'Ada', 'hello')
  assert.equal(code, 2)
  assert.match(stderr, /--agent cannot be combined with --session/)
})

test('--json prints every event as a line, --quiet only the answer', async () => {
  const { stdout } = await chat('--json', '-a', 'assistant', 'What is 2 + 3?')
  const types = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).type)
  assert.equal(types[0], 'input.message')
  assert.equal(types.at(-1), 'session.idled')
  const quiet = await chat('-q', '-a', 'assistant', 'What is 2 + 3?')
  assert.deepEqual(quiet, { code: 0, stdout: '2 + 3 = 5. (simulated)\n', stderr: '' })
})

test('reads the message from stdin, alone or beside arguments', async () => {
  const say = async (input: string, ...words: string[]) =>
    (await runHere(['chat', '-qa', 'assistant', ...words, '--url', server.url], { input })).stdout
  assert.match(await say('What is 2 + 2?\n'), /= 4/)
  assert.match(await say('3 + 3?', 'What is', '-'), /= 6/)
  const { code, stderr } = await chat()
  assert.equal(code, 2)
  assert.match(stderr, /The message is empty/)
})

test('exits with 1 and the error of the provider for a failed turn', async () => {
  const { code, stdout, stderr } = await chat(
    scripted({ error: { message: 'no eggs', status: 400 } }),
  )
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /The turn failed \(llm_error\): .*no eggs/)
})

test('reports an unknown agent or model', async () => {
  for (const [flag, value, expected] of [
    ['-a', 'Nobody', 5],
    ['-m', 'no-model', 5],
    ['--approve', 'maybe', 2],
  ] as const) {
    const { code, stderr } = await chat(flag, value, 'hello')
    assert.equal(code, expected, flag)
    assert.match(stderr, /No (agent|model) has the name|--approve cannot be/)
  }
})

test('allows no call without a terminal, except with --approve', async () => {
  const { id } = await clerk()
  const asked = await chat('-a', id, writing)
  assert.deepEqual([asked.code, asked.stdout], [1, ''])
  assert.match(asked.stderr, /write_file needs approval, and there is no terminal/)
  assert.doesNotMatch(asked.stderr, /✓ write_file/)
  const [, approve] = /Approve: `outlast (sessions approve .+?)`/.exec(asked.stderr)!
  // As printed, with the address that the chat was started with.
  assert.equal((await runHere(approve!.split(' '))).code, 0)
  const allowed = await chat('-a', id, '--approve', 'all', writing)
  assert.deepEqual([allowed.code, allowed.stdout], [0, 'It is **done**.\n'])
  assert.match(allowed.stderr, /I write\.[\s\S]*✓ write_file/)
  const denied = await chat('-a', id, '--approve', 'none', writing)
  assert.match(denied.stderr, /write_file was denied[\s\S]*✗ write_file/)
})

test('--quiet prints why there is no answer', async () => {
  const { id } = await clerk()
  const asked = await chat('-q', '-a', id, writing)
  assert.deepEqual([asked.code, asked.stdout], [1, ''])
  assert.match(asked.stderr, /needs approval[\s\S]*outlast sessions approve session_/)
  const session = await createSession(server)
  const ended = chat('-q', '-s', session.id, slow)
  await eventually(async () =>
    (await eventsOf(server, session.id)).find(({ type }) => type === 'reason.started'),
  )
  await server.call('POST', `/v1/sessions/${session.id}/cancel`)
  const { code, stderr } = await ended
  assert.equal(code, 1)
  assert.match(stderr, /cancelled/)
})

test('--approve decides although the server cannot answer for a while', async (t) => {
  const { id } = await clerk()
  const { fetch } = globalThis
  let refusals = 5
  const headers = { 'content-type': 'application/json', 'retry-after': '0' }
  const body = JSON.stringify({ error: 'The server is stopping.', code: 'shutting_down' })
  t.mock.method(globalThis, 'fetch', (input: string | URL | Request, init?: RequestInit) =>
    String(input).includes('tool.approval_resolved') && refusals-- > 0
      ? Promise.resolve(new Response(body, { status: 503, headers }))
      : fetch(input, init),
  )
  const allowed = await chat('-a', id, '--approve', 'all', writing)
  assert.deepEqual([allowed.code, allowed.stdout], [0, 'It is **done**.\n'])
  assert.ok(refusals < 0)
})

test('Ctrl-C cancels the turn and waits for its end', async () => {
  const { id } = await createSession(server)
  const running = startOutlast(['chat', '-v', '-s', id, slow, '--url', server.url])
  await eventually(async () =>
    (await eventsOf(server, id)).find(({ type }) => type === 'reason.started'),
  )
  running.child.kill('SIGINT')
  assert.equal(await running.ended, 130)
  assert.match(running.said.stderr, /Cancelling[\s\S]*cancelled/)
  assert.equal((await eventsOf(server, id)).at(-1)!.type, 'session.idled')
})

test('a second Ctrl-C exits at once', async () => {
  const { id } = await createSession(server)
  const running = startOutlast(['chat', '-s', id, slow, '--url', server.url])
  await eventually(async () =>
    (await eventsOf(server, id)).find(({ type }) => type === 'reason.started'),
  )
  running.child.kill('SIGINT')
  await running.says('stderr', /Cancelling/)
  running.child.kill('SIGINT')
  assert.equal(await running.ended, 130)
})

test('accepts a reader that closes the pipe', async () => {
  const { id } = await createSession(server)
  const running = startOutlast(['chat', '--json', '-s', id, slow, '--url', server.url])
  await running.says('stdout', /turn\.started/)
  running.child.stdout.destroy()
  assert.equal(await running.ended, 0)
  assert.equal(running.said.stderr, '')
})

test('prints the answer behind a buffering proxy, with the reason of the delay', async (t) => {
  const url = await startProxy(t, server.url, gathers)
  const now = Date.now
  const begun = now()
  // A clock that runs quickly: the test need not wait 10 s.
  t.mock.method(Date, 'now', () => begun + 100 * (now() - begun))
  const said = await runHere(['chat', '-a', 'assistant', 'What is 2 + 3?', '--url', url])
  assert.deepEqual([said.code, said.stdout], [0, '2 + 3 = 5. (simulated)\n'])
  assert.match(said.stderr, /A proxy may buffer it[\s\S]*`outlast doctor` finds the cause/)
})

test('sets title and tags of a new session, and model and effort of a message', async () => {
  const { data } = (await server.call('GET', '/v1/models')).body
  const model = data.find(({ model_id }: { model_id: string }) => model_id === 'llmsim-default')
  const about = ['--title', 'Sums', '--tag', 'a', '--tag', 'b', '-m', model.model_id]
  const { code, stdout } = await chat(
    '--json',
    '-a',
    'assistant',
    ...about,
    '--effort',
    'low',
    'hi',
  )
  assert.equal(code, 0)
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const session = (await server.call('GET', `/v1/sessions/${events[0].session_id}`)).body
  assert.deepEqual([session.title, session.tags], ['Sums', ['a', 'b']])
  const { controls } = events[0].data.message
  assert.deepEqual(controls, { model_id: model.id, reasoning: { effort: 'low' } })
})
