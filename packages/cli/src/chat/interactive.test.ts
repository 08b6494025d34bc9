import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Event, textOf } from '@outlast/sdk'
import { expectStatus } from '../../../../apps/server/test/access.ts'
import { runSql } from '../../../../apps/server/test/database.ts'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { startServer } from '../../../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  scripted,
} from '../../../../apps/server/test/session.ts'
import { eventually } from '../../../../apps/server/test/waiting.ts'
import { atTerminal } from '../../test/terminal.ts'

let server: Awaited<ReturnType<typeof startServer>>
let agentId: string
let clerkId: string

const consent = { ref: 'session_file_system', config: { requires_approval: ['write_file'] } }

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  agentId = (await createAgent(server)).id
  clerkId = (await createAgent(server, { name: 'Clerk', capabilities: [consent] })).id
})

const chat = (t: TestContext, args: string[], options?: Parameters<typeof atTerminal>[2]) =>
  atTerminal(t, ['chat', ...args, '--url', server.url], options)

const write = (path: string, content: string) => ({
  name: 'write_file',
  arguments: { path, content },
})
/** A reply that a test cancels. */
const slow = scripted({ text: `${'word '.repeat(400)}end`, tokens_per_second: 4 })

async function idle(sessionId: string, count = 1) {
  await eventually(async () => {
    const idled = await eventsOf(server, sessionId, '?types=session.idled')
    return idled.length >= count
  })
}

const sessionIn = (text: string) => /--session (session_[0-9a-f]{32})/.exec(text)![1]!

test('renders answers as Markdown and tools as lines, and Ctrl-D prints how to continue', async (t) => {
  const { type, sees, code, shown, raw } = chat(t, ['-a', agentId])
  await sees(/^›$/m)
  type(`${scripted({ text: '# Title\n\n- **one**\n- two' })}\r`)
  await sees(/\n\nTitle\n\n• one\n• two\n\n› ?$/)
  assert.ok(raw().includes('\x1b[1mone\x1b[0m'))
  type('\x04')
  assert.equal(await code, 0)
  // The terminal breaks a long line anywhere.
  const command = /Continue with `outlast chat --session session_[0-9a-f]{32} --url http:\S+`\.$/
  assert.match(shown().replaceAll('\n', ''), command)
})

test('continues a session from its latest exchange, with its messages in the history', async (t) => {
  const { id } = await createSession(server, { agent_id: agentId })
  await post(server, id, 'first thing')
  await idle(id)
  await post(server, id, 'second thing')
  await idle(id, 2)
  const { type, sees, shown, code } = chat(t, ['-s', id])
  await sees(/› second thing\n\nYou said “second thing”[\s\S]*\n\n› ?$/)
  assert.doesNotMatch(shown(), /first thing/)
  type('\x1b[A')
  await sees(/› second thing$/)
  type('\r')
  await sees(/“second thing”[\s\S]*“second thing”[\s\S]*\n\n› ?$/)
  type('/exit\r')
  assert.equal(await code, 0)
})

test('sends text that was typed before the prompt to the session that was asked for', async (t) => {
  const { id } = await createSession(server, { agent_id: agentId })
  const { type, sees, code } = chat(t, ['--session', id])
  type('early\r')
  await sees(/You said “early”/)
  type('\x04')
  assert.equal(await code, 0)
  const sessions = await server.call('GET', '/v1/sessions?limit=100')
  assert.equal(
    sessions.body.data.filter((one: { title?: string }) => one.title === 'early').length,
    0,
  )
  assert.equal((await eventsOf(server, id, '?types=input.message')).length, 1)
})

test('sends lines that are typed at once in order, to one new session', async (t) => {
  const count = async () => (await server.call('GET', '/v1/sessions')).body.total
  const before = await count()
  const { type, sees, code, shown } = chat(t, ['-a', agentId])
  await sees(/^›$/m)
  type('one\rtwo\rthree\r/exit\r')
  assert.equal(await code, 0)
  assert.equal(await count(), before + 1)
  const inputs = await eventsOf(server, sessionIn(shown()), '?types=input.message')
  const texts = inputs.map((input) => textOf((input as Event<'input.message'>).data.message))
  assert.deepEqual(texts, ['one', 'two', 'three'])
})

test('works at 20 columns', async (t) => {
  const { type, sees, shown } = chat(t, ['-a', agentId], { columns: 20 })
  await sees(/^›$/m)
  type('/agent Clerk\r')
  await sees(/starts\s+a\s+new\s+session/)
  const text = '日本語のとても長い文 and a long line of words'
  const step = { text, tool_calls: [{ name: 'list_directory', arguments: { path: '/' } }] }
  type(`${scripted(step, { text: 'end of it' })}\r`)
  await sees(/end of it\n\n› ?$/)
  assert.match(shown(), /日本語のとても長い\n文 and a long line\nof words\n→ list_directory \{…\n/)
  type('\x04')
})

test('sends a message to the running turn, and output does not overwrite typed text', async (t) => {
  const { id } = await createSession(server, { agent_id: agentId })
  const { type, sees, code } = chat(t, ['-s', id])
  await sees(/^›$/m)
  type(`${slow}\r`)
  await sees(/^word word/m)
  type('wait')
  const before = await sees(/^› wait$/m)
  await eventually(async () => (await eventsOf(server, id)).length > 3)
  assert.match(before, /› wait$/)
  type('!\r')
  await eventually(async () => (await eventsOf(server, id, '?types=input.message')).length === 2)
  await sees(/› wait!\n+[\s\S]*word/)
  type('\x03')
  await sees(/cancelled[\s\S]*› ?$/)
  type('\x04')
  assert.equal(await code, 0)
})

test('Ctrl-C clears the line, cancels a turn, and exits when pressed twice', async (t) => {
  const { type, sees, shown, code } = chat(t, ['-a', agentId])
  await sees(/^›$/m)
  type('something')
  await sees(/› something$/)
  type('\x03')
  await sees(/^› ?$/m)
  assert.doesNotMatch(shown(), /something/)
  type(`${slow}\r`)
  await sees(/^word word/m)
  type('\x03')
  await sees(/word\n∙ cancelled.*\n\n› ?$/)
  type('\x03')
  await sees(/Press Ctrl-C again to exit/)
  type('\x03')
  assert.equal(await code, 130)
  await idle(sessionIn(shown()))
})

test('shows calls that need approval whole, and asks about one after the other', async (t) => {
  const { type, sees, code, shown } = chat(t, ['-a', clerkId])
  await sees(/^›$/m)
  const calls = [write('/a', 'one'), write('/b', 'two'), write('/c', 'three')]
  type(`${scripted({ tool_calls: calls }, { text: 'All done.' })}\r`)
  await sees(/"content": "one"\n[\s\S]*l: later\na\/d\/e\/l › ?$/)
  type('a\r')
  await sees(/"content": "two"\n[\s\S]*a\/d\/e\/l › ?$/)
  type('d\r')
  await sees(/reason › ?$/)
  type('not this one\r')
  await sees(/"content": "three"\n[\s\S]*a\/d\/e\/l › ?$/)
  type('e\r')
  await sees(/arguments › \{"path":"\/c","content":"three"\}$/)
  type('\x15{"path":"/c","content":"changed"}\r')
  await sees(/"content": "changed"\n[\s\S]*allow with these arguments\? y\/n › ?$/)
  type('y\r')
  await sees(/✗ write_file[\s\S]*not this one[\s\S]*All done\.\n\n› ?$/)
  type('\x04')
  assert.equal(await code, 0)
  const path = `/v1/sessions/${sessionIn(shown())}/fs`
  assert.equal((await server.call('GET', `${path}/c`)).body.content, 'changed')
  assert.equal((await server.call('GET', `${path}/b`)).status, 404)
})

test('leaves a call for later and asks again', async (t) => {
  const { type, sees, code } = chat(t, ['-a', clerkId])
  await sees(/^›$/m)
  type(`${scripted({ tool_calls: [write('/a', 'x')] }, { text: 'Written.' })}\r`)
  await sees(/a\/d\/e\/l › ?$/)
  type('l\r')
  await sees(/Left for later/)
  type('/approve\r')
  await sees(/Left for later[\s\S]*a\/d\/e\/l › ?$/)
  type('a\r')
  await sees(/✓ write_file[\s\S]*\nWritten\.\n\n› ?$/)
  type('\x04')
  assert.equal(await code, 0)
})

test('shows a repeated reply once', async (t) => {
  const { type, sees, shown } = chat(t, ['-a', agentId])
  await sees(/^›$/m)
  const error = { message: 'gone', after_characters: 24, fail_attempts: 1 }
  type(`${scripted({ text: 'The first try of a long answer.', error })}\r`)
  await sees(/long answer\.\n\n› ?$/)
  assert.equal(shown().match(/The first try/g)?.length, 2, 'in the script and in the answer')
  type('\x04')
})

test('reads lines that are pasted or continued by \\ as one message', async (t) => {
  const { id } = await createSession(server, { agent_id: agentId })
  const { type, sees } = chat(t, ['-s', id])
  await sees(/^›$/m)
  type('one\\\r')
  await sees(/^… ?$/m)
  type('two\r')
  await sees(/(?:“one two”|“one\ntwo)[\s\S]*\n› ?$/)
  type('\x1b[200~three\rfour\x1b[201~')
  await sees(/› three\n… four$/)
  type('\r')
  await idle(id, 2)
  const messages = await eventsOf(server, id, '?types=input.message')
  const texts = messages.map(({ data }) => JSON.stringify(data))
  assert.match(texts[0]!, /one\\ntwo/)
  assert.match(texts[1]!, /three\\nfour/)
  type('\x04')
})

test('runs slash commands, and suggests one for an unknown word', async (t) => {
  const { type, sees, code } = chat(t, ['-a', agentId])
  await sees(/^›$/m)
  type('/help\r')
  await sees(
    /\n {2}\/help {12}list the commands\n {2}\/new {13}start a new session\n[\s\S]*step\.\n\n› ?$/,
  )
  type('/fly\r')
  await sees(/Unknown command \/fly/)
  type('/session\r')
  await sees(/first message starts the session/)
  type('hello\r')
  await sees(/“hello”[\s\S]*› ?$/)
  type('/files\r')
  await sees(/No files\./)
  type('/model no-such\r')
  await sees(/No model has the name or id "no-such/)
  type('/new\r')
  await sees(/starts\s+a\s+new\s+session\s+with\s+Ada/)
  type('/exit\r')
  assert.equal(await code, 0)
})

test('lists active models behind many disabled ones, and the first 100 agents', async (t) => {
  const own = await startServer(t)
  const create = async (path: string, body: object) =>
    expectStatus(await own.call('POST', path, body), 201)
  const provider = await create('/v1/llm-providers', {
    name: 'Many',
    provider_type: 'openai_completions',
    base_url: own.url,
  })
  const addModel = (display_name: string) =>
    create(`/v1/llm-providers/${provider.id}/models`, { model_id: display_name, display_name })
  await addModel('Early')
  for (let n = 0; n < 101; n += 1) await addModel(`Disabled ${n}`)
  await addModel('Zebra')
  await runSql(
    own.databaseUrl,
    "update models set status = 'disabled' where display_name like 'Disabled %'",
  )
  for (let n = 0; n < 101; n += 1) await createAgent(own, { name: `Agent ${n}` })
  const { type, sees } = atTerminal(t, ['chat', '-a', 'Agent 100', '--url', own.url])
  await sees(/^›$/m)
  type('/model\r')
  const models = await sees(/\/model NAME uses a model/)
  assert.match(models, / Early /)
  assert.match(models, / Zebra /)
  assert.doesNotMatch(models, /Disabled|the first 100/)
  type('/agent\r')
  assert.match(await sees(/\/agent NAME starts a session/), /These are the first 100\./)
  type('\x04')
})

test('prints the reason of a failed turn and continues the conversation', async (t) => {
  const { type, sees } = chat(t, ['-a', agentId])
  await sees(/^›$/m)
  type(`${scripted({ error: { message: 'no eggs\x1b[2J', status: 400 } })}\r`)
  await sees(/✗ The turn failed \(llm_error\): no eggs[\s\S]*› ?$/)
  type('hello\r')
  await sees(/“hello”/)
  type('\x04')
})

test('offers a list of agents without --agent, and runs a queued message in its own turn', async (t) => {
  const { type, sees, code, shown } = chat(t, [])
  await sees(/1 Clerk\n2 Ada\n[\s\S]*agent \(1\) › ?$/)
  type('9\r')
  await sees(/agent \(1\) › 9\n+agent \(1\) › ?$/)
  type('2\r')
  await sees(/∙ Ada [\s\S]*\n› ?$/)
  type(`${scripted({ text: `${'word '.repeat(30)}end`, tokens_per_second: 30 })}\r`)
  await sees(/^word word/m)
  type('/queue and then\r')
  await sees(/end\n[\s\S]*“and then”[\s\S]*\n› ?$/)
  type('\x04')
  assert.equal(await code, 0)
  assert.equal((await eventsOf(server, sessionIn(shown()), '?types=turn.started')).length, 2)
})
