import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { builtins } from '../../../../../apps/server/src/capabilities/index.ts'
import { addBudget } from '../../../../../apps/server/test/budgets.ts'
import { beforeAll } from '../../../../../apps/server/test/hooks.ts'
import {
  answerFirst,
  asksTwice,
  ownTools,
} from '../../../../../apps/server/test/processes/own-code.ts'
import { startServer } from '../../../../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  scripted,
} from '../../../../../apps/server/test/session.ts'
import { eventually } from '../../../../../apps/server/test/waiting.ts'
import { printedBy, runHere } from '../../../test/here.ts'
import { gathers, startProxy } from '../../../test/proxy.ts'
import { onPty } from '../../../test/pty.ts'
import { atTerminal } from '../../../test/terminal.ts'

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async (t) => {
  server = await startServer(t as TestContext, { capabilities: [...builtins, asksTwice] })
})

const config = { requires_approval: ['write_file'] }
const capabilities = [{ ref: 'session_file_system', config }, { ref: 'ask_user' }]
const write = (id: string, content = 'hello') => ({
  id,
  name: 'write_file',
  arguments: { path: `/${id}`, content },
})
const color = { question: 'Which color?', options: [{ label: 'Red' }, { label: 'Blue' }] }
const ask = { id: 'ask', name: 'ask_user', arguments: { questions: [color] } }

type Here = Parameters<typeof runHere>[1]
const cli = (args: string[], options: Here = {}) =>
  runHere(args, { env: { OUTLAST_URL: server.url }, ...options })

const made = async (args: string[]) => JSON.parse(await printedBy(cli([...args, '--json'])))

/** Starts a session of a new agent whose turn waits for these calls. */
async function waitWith(name: string, calls: { id: string; name: string; arguments: object }[]) {
  const agent = await createAgent(server, { name, capabilities })
  const session = await createSession(server, { agent_id: agent.id, title: 'Paint' })
  await post(server, session.id, scripted({ tool_calls: calls }, { text: 'Done.' }))
  await eventually(async () => {
    const { waiting_for } = (await server.call('GET', `/v1/sessions/${session.id}`)).body
    return waiting_for?.calls.length === calls.length
  })
  return { agent, id: session.id }
}

test('lists what waits, and decides with a rule for the agent', async () => {
  const { agent, id } = await waitWith('Ann', [write('one'), ask])
  const filter = ['--agent', 'Ann']
  const { stdout } = await cli(['waiting', ...filter], { columns: 200 })
  assert.match(stdout, /TYPE +SINCE +SESSION +CALL +AGENT +NEEDS/)
  assert.match(stdout, new RegExp(`^approval .*${id} +one +Ann +write_file \\{"path":"/one"`, 'm'))
  assert.match(stdout, /^input .*Which color\?$/m)
  const quiet = await cli(['waiting', 'list', ...filter, '--type', 'input', '--quiet'])
  assert.equal(quiet.stdout, `${id}:ask\n`)
  const approved = await made(['waiting', 'approve', id, 'one', '--always', 'agent'])
  assert.equal(approved.decision, 'approved')
  const rules = await cli(['agents', 'tool-rules', 'Ann'], { columns: 100 })
  assert.match(rules.stdout, /^write_file +allow +Anonymous/m)
  const removed = await cli(['agents', 'delete-tool-rule', agent.id, 'write_file'])
  assert.match(removed.stdout, /^Removed the rule of write_file/)
  assert.deepEqual(await made(['agents', 'tool-rules', agent.id]), [])
  assert.deepEqual(await made(['sessions', 'tool-rules', id]), [])
  const wrong = await cli(['waiting', 'approve', id, '--always', 'world'])
  assert.equal(wrong.code, 2)
})

test('asks about each entry at a terminal, also about a call with long arguments', async () => {
  const { agent, id } = await waitWith('Bob', [write('long', 'y'.repeat(20_000)), ask, write('no')])
  const answers = [
    ['a/d/e/l ›', 'always\r'],
    ['a/d/e/l ›', 'd\r'],
    ['reason ›', 'Not now.\r'],
    ['a/d/l ›', 'a\r'],
    ['q1 ›', '2\r'],
  ] as const
  const args = ['waiting', 'answer', '--agent', agent.id]
  const { code, stdout, stderr } = await cli(args, { columns: 80, answers })
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^Answered 3, left 0 for later\.$/m)
  await eventually(async () => {
    const { body } = await server.call('GET', `/v1/sessions/${id}`)
    return body.status === 'idle'
  })
  const [rule] = await made(['sessions', 'tool-rules', id])
  assert.deepEqual([rule.tool_name, rule.decision], ['write_file', 'allow'])
  const completed = await eventsOf(server, id, '?types=tool.completed')
  assert.match(JSON.stringify(completed), /Blue/)
  const none = await cli(args)
  assert.deepEqual([none.code, none.stdout], [2, ''])
})

test('text that was typed before an entry was shown does not decide on it', async (t) => {
  const { id } = await waitWith('Una', [write('one'), write('two')])
  const url = await startProxy(t, server.url, gathers, async ({ method }) => {
    if (method !== 'POST') return
    // A second answer, and the begin of a third one, while the first one is on its way.
    terminal.type('a\ra')
    await terminal.sees(/› a\n+a\na$/)
  })
  const terminal = onPty(t, ['waiting', 'answer', '--session', id, '--url', url])
  await terminal.sees(/"\/one"[\s\S]*a\/d\/e\/l ›$/)
  terminal.type('a\r')
  await terminal.sees(/"\/two"[\s\S]*a\/d\/e\/l ›$/)
  terminal.type('l\r')
  await terminal.sees(/Answered 1, left 1 for later/)
  assert.equal(await terminal.ended, 0)
  assert.equal((await eventsOf(server, id, '?types=tool.approval_resolved')).length, 1)
})

test('continues after an entry that another client answered', async (t) => {
  const { id } = await waitWith('Lea', [write('one'), write('two'), write('three'), ask])
  const args = ['waiting', 'answer', '--session', id, '--url', server.url]
  const { sees, type, code } = atTerminal(t, args, { columns: 200 })
  await sees(/"\/one"[\s\S]*a\/d\/e\/l ›/)
  const { body } = await server.call('POST', `/v1/sessions/${id}/approvals/one`, {
    decision: 'approve',
  })
  assert.equal(body.decision, 'approved')
  type('d\r')
  await sees(/reason ›/)
  type('\r')
  await sees(/"\/two"[\s\S]*a\/d\/e\/l ›/)
  const shown = await sees(/^outlast: session_/m)
  assert.match(shown, new RegExp(`^outlast: ${id}:one: .*not awaiting approval`, 'm'))
  type('a\r')
  await sees(/"\/three"[\s\S]*a\/d\/e\/l ›/)
  type('l\r')
  await sees(/a\/d\/l ›/)
  type('d\r')
  await sees(/Answered 2, left 1 for later, 1 failed\./)
  assert.equal(await code, 1)
})

test('Ctrl-C at an entry ends the command', async (t) => {
  const { id } = await waitWith('Ian', [write('one'), write('two')])
  const args = ['waiting', 'answer', '--session', id, '--url', server.url]
  const { sees, type, code, shown } = atTerminal(t, args)
  await sees(/"\/one"[\s\S]*a\/d\/e\/l ›/)
  type('\x03')
  assert.equal(await code, 130)
  assert.doesNotMatch(shown(), /two/)
})

test('refills the budgets that turns wait for, each once', async () => {
  const agent = await createAgent(server, { name: 'Mia' })
  const budgets = []
  const sessions = []
  for (const status of ['active', 'active', 'paused']) {
    const { id } = await createSession(server, { agent_id: agent.id, title: status })
    const budget = await addBudget(server, { subject: ['session', id], limit: 1 })
    if (status === 'paused') {
      const change = { status, limit: 1_000_000 }
      await server.call('PATCH', `/v1/budgets/${budget}`, change)
    }
    budgets.push(budget)
    sessions.push(id)
    await post(server, id, 'Hello')
    await eventually(async () => {
      const { body } = await server.call('GET', `/v1/sessions/${id}`)
      return body.waiting_for?.type === 'budget'
    })
  }
  const answers = [
    ['a/r/l ›', 'a\r'],
    ['amount in tokens ›', 'much\r'],
    ['a/r/l ›', 'add\r'],
    ['amount in tokens ›', '1000000\r'],
    ['a/r/l ›', 'r\r'],
    ['limit in tokens ›', '2000000\r'],
    ['y/n ›', 'y\r'],
  ] as const
  const args = ['waiting', 'answer', '--agent', agent.id]
  const { code, stdout, stderr } = await cli(args, { columns: 100, answers })
  assert.equal(code, 0, stderr)
  assert.match(stderr, /0 of 1 tokens left|1 of 1 tokens left/)
  assert.match(stderr, /The amount must be a number above 0/)
  assert.match(stdout, /^Answered 3, left 0 for later\.$/m)
  for (const id of sessions) {
    await eventually(async () => {
      return (await server.call('GET', `/v1/sessions/${id}`)).body.status === 'idle'
    })
  }
  const limits = await Promise.all(
    budgets.map(async (id) => (await server.call('GET', `/v1/budgets/${id}`)).body.limit),
  )
  assert.deepEqual(limits, [1, 2_000_000, 1_000_000])
})

test('an answer to questions that another client answered is not one to the next ones', async (t) => {
  const agent = await createAgent(server, { name: 'Kim', capabilities: ownTools })
  const { id } = await createSession(server, { agent_id: agent.id })
  const confirm = { id: 'both', name: 'confirm', arguments: {} }
  await post(server, id, scripted({ tool_calls: [confirm] }, { text: 'Done.' }))
  await eventually(async () => {
    const { body } = await server.call('GET', `/v1/waiting?session_id=${id}`)
    return body.data.length > 0
  })
  const args = ['waiting', 'answer', '--session', id, '--url', server.url]
  const { sees, type, code, shown } = atTerminal(t, args)
  await sees(/Cancel the seat\?[\s\S]*›/)
  const next = await answerFirst(server.call, id)
  type('d\r')
  assert.equal(await code, 1, shown())
  const { body } = await server.call('GET', `/v1/waiting?session_id=${id}`)
  assert.deepEqual(body.data[0].questions, next)
})

test('shows no control characters that a model wrote', async () => {
  await waitWith('Eve', [write('\u001b[31m\u202eodd')])
  const { stdout } = await cli(['waiting', '--agent', 'Eve'], { columns: 120 })
  const [, line] = stdout.split('\n')
  assert.match(line!, /odd/)
  assert.doesNotMatch(line!, /[\p{Cc}\u202e]/u)
})
