import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { createSession, scripted } from '../../../apps/server/test/session.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { runHere } from '../test/here.ts'
import { startOutlast } from '../test/program.ts'
import { widthOf } from './output/width.ts'

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
})

const cli = (...args: string[]) => runHere(args, { env: { OUTLAST_URL: server.url } })
const send = (id: string, text: string) => cli('messages', 'send', id, text, '--wait')

const markdown = '# Report\n\n- **one** and some more words that do not fit\n- two'

test('prints messages, tools, errors and times of a session', async () => {
  const { id } = await createSession(server, {
    capabilities: [{ ref: 'current_time' }, { ref: 'session_file_system' }],
  })
  const call = { name: 'write_file', arguments: { path: '/a', content: 'x'.repeat(400) } }
  await send(id, scripted({ tool_calls: [call] }, { text: markdown }))
  await send(id, scripted({ error: { message: 'no eggs', status: 400 } }))
  const { code, stdout, stderr } = await cli('sessions', 'log', id)
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^User {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\nllmsim-script/)
  assert.match(
    stdout,
    /\n→ write_file \{"path":"\/a","content":"x+…\n∙ files: created \/a\n✓ write_file [\d.]+ m?s /,
  )
  assert.match(stdout, /\n\nAda {2}[\d-]+ [\d:]+Z\n# Report\n\n- \*\*one\*\*/)
  assert.match(stdout, /\n✗ The turn failed \(llm_error\)/)
  assert.doesNotMatch(stdout, /\x1b/)
  const tools = stdout.split('\n').filter((line) => /^[→✓]/.test(line))
  for (const line of tools) assert.ok(widthOf(line) <= 100, line)
  assert.match((await cli('sessions', 'log', id, '--verbose')).stdout, /x{400}/)
  const last = await cli('sessions', 'log', id.slice(0, 30), '--tail', '1')
  assert.match(last.stdout, /^✗ The turn failed/)
})

test('renders Markdown on a terminal of 40 columns, with colors only if they are allowed', async () => {
  const { id } = await createSession(server)
  await send(id, scripted({ text: markdown }))
  const env = { OUTLAST_URL: server.url }
  const colored = await runHere(['sessions', 'log', id], { env, columns: 40 })
  assert.match(colored.stdout, /\x1b\[/)
  const plain = await runHere(['sessions', 'log', id], {
    env: { ...env, NO_COLOR: '1' },
    columns: 40,
  })
  assert.doesNotMatch(plain.stdout, /\x1b/)
  assert.match(plain.stdout, /\nReport\n\n• one and some more words that do not\n {2}fit\n• two\n$/)
  const answer = plain.stdout.slice(plain.stdout.indexOf('\nAda'))
  for (const line of answer.split('\n')) assert.ok(widthOf(line) <= 40, line)
})

test('shows waiting calls and the command that approves them', async () => {
  const config = { ref: 'current_time', config: { requires_approval: true } }
  const { id } = await createSession(server, { capabilities: [config] })
  const call = { name: 'get_current_time', arguments: { timezone: 'UTC' } }
  await cli('messages', 'send', id, scripted({ tool_calls: [call] }, { text: 'Done.' }))
  await eventually(async () => {
    const { waiting_for } = JSON.parse((await cli('sessions', 'get', id, '--json')).stdout)
    return waiting_for ?? undefined
  })
  const waiting = await cli('sessions', 'list', '--status', 'waiting', '--quiet')
  assert.deepEqual(waiting.stdout.trim().split('\n'), [id])
  const { stdout, stderr } = await cli('sessions', 'log', id)
  assert.match(stdout, /\n\? get_current_time needs approval \{"timezone":"UTC"\}\n$/)
  assert.match(stderr, new RegExp(`\`outlast sessions approve ${id}\``))
  const approved = await cli('sessions', 'approve', id)
  assert.deepEqual([approved.code, approved.stderr], [0, ''])
  await eventually(async () => (await cli('sessions', 'log', id)).stdout.includes('Done.'))
  const log = await cli('sessions', 'log', id)
  assert.match(log.stdout, /\n∙ get_current_time was approved/)
  assert.equal(log.stderr, '')
  assert.equal((await cli('sessions', 'approve', id)).code, 2)
})

test('--follow prints new entries, and --json one entry per line', async (t) => {
  const { id } = await createSession(server)
  await send(id, 'first')
  const follower = startOutlast(['sessions', 'log', id, '--follow', '--json', '--url', server.url])
  t.after(() => follower.child.kill('SIGKILL'))
  await follower.says('stdout', /first/)
  await send(id, 'second')
  await follower.says('stdout', /You said “second”.*\n/)
  const entries = follower.said.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    entries.map(({ kind }) => kind),
    ['user', 'agent', 'user', 'agent'],
  )
  assert.ok(entries.every(({ at, text, sequence }) => at && text && sequence > 0))
  follower.child.kill('SIGINT')
  assert.equal(await follower.ended, 130)
})

test('--status failed lists sessions whose last turn failed', async () => {
  const failed = await createSession(server, { tags: ['broken'] })
  await send(failed.id, scripted({ error: { message: 'no eggs', status: 400 } }))
  const recovered = await createSession(server)
  await send(recovered.id, scripted({ error: { message: 'no eggs', status: 400 } }))
  await send(recovered.id, 'hello')
  const { stdout } = await cli('sessions', 'list', '--status', 'failed', '--all')
  assert.match(stdout, new RegExp(`^${failed.id} .* failed `, 'm'))
  assert.ok(!stdout.includes(recovered.id))
  const retried = await cli('sessions', 'retry', failed.id)
  assert.match(retried.stdout, /Retrying the failed turn of session_\w+ as turn_/)
  const refused = await cli('sessions', 'retry', recovered.id)
  assert.match(refused.stderr, /Only a failed turn can be retried/)
  const tagged = await cli('sessions', 'list', '--status', 'failed', '--tag', 'other')
  assert.match(tagged.stderr, /No sessions match/)
})

test('messages list stays narrow, and messages get prints a message whole', async () => {
  const { id } = await createSession(server)
  await send(id, `begin ${'word '.repeat(300)}end`)
  const { stdout } = await cli('messages', 'list', id)
  for (const line of stdout.split('\n')) assert.ok(widthOf(line) < 160, line)
  const [message] = JSON.parse((await cli('messages', 'list', id, '--json')).stdout)
  const whole = await cli('messages', 'get', id, message.id.slice(0, 30))
  assert.match(whole.stdout, /Role +user\n[\s\S]*word end\n$/)
})
