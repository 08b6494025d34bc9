import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Question } from '@outlast/sdk'
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
import { runHere } from '../../test/here.ts'
import { atTerminal } from '../../test/terminal.ts'
import { readAnswer } from './questions.ts'

let server: Awaited<ReturnType<typeof startServer>>
let agentId: string
beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  agentId = (await createAgent(server, { capabilities: [{ ref: 'ask_user' }] })).id
})

const options = [{ label: 'Red' }, { label: 'Blue' }]
const color = { header: 'Color', question: 'Which color?', options }
const size = { id: 'size', kind: 'number', header: 'Size', question: 'Which size?' }
const secret = {
  kind: 'secret',
  question: 'The token?',
  secret_name: 'crm_token',
  purpose: 'To read your customers.',
}
const asking = (...questions: object[]) =>
  scripted({ tool_calls: [{ name: 'ask_user', arguments: { questions } }] }, { text: 'Thanks.' })

const cli = (args: string[], input = '') =>
  runHere(['sessions', ...args], { env: { OUTLAST_URL: server.url }, input })

async function waiting(...questions: object[]) {
  const { id } = await createSession(server, { agent_id: agentId })
  await post(server, id, asking(...questions))
  await eventually(async () => (await server.call('GET', `/v1/sessions/${id}`)).body.waiting_for)
  return id
}

async function resultOf(id: string) {
  const result = await eventually(async () => {
    const [event] = await eventsOf(server, id, '?types=tool.completed')
    return event?.type === 'tool.completed' ? event.data.result?.[0] : undefined
  })
  return result?.type === 'text' ? JSON.parse(result.text) : undefined
}

test('a chat asks the questions of a tool, and sends typed answers', async (t) => {
  const { type, sees, code } = atTerminal(t, ['chat', '-a', agentId, '--url', server.url])
  await sees(/^›$/m)
  type(`${asking(color, size)}\r`)
  await sees(/Which color\?\n1 Red\n2 Blue\n[\s\S]*Which size\?[\s\S]*a\/d\/l › ?$/)
  type('a\r')
  await sees(/Color › ?$/)
  type('2\r')
  await sees(/Size › ?$/)
  type('big\r')
  await sees(/Type a number\.[\s\S]*Size › ?$/)
  type('42\r')
  await sees(/\nThanks\.\n\n› ?$/)
  type('\x04')
  assert.equal(await code, 0)
})

test('answers from flags, and refuses those that do not fit', async () => {
  const id = await waiting(color, size)
  assert.match((await cli(['list'])).stdout, /waiting for answers/)
  for (const flags of [['size=big', 'q1=Red'], ['q9=1'], ['Red']]) {
    const { code, stderr } = await cli(['answer', id, ...flags.flatMap((one) => ['--answer', one])])
    assert.equal(code, 2, stderr)
  }
  const given = ['--answer', 'q1=red', '--answer', 'size=41']
  const { code, stdout, stderr } = await cli(['answer', id, ...given])
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^Answered the questions of /)
  assert.deepEqual((await resultOf(id)).answers, [
    { id: 'q1', selected: ['Red'] },
    { id: 'size', value: 41 },
  ])
  assert.equal((await cli(['answer', id, '--decline'])).code, 2)
})

test('declines, and asks for a terminal without flags', async () => {
  const id = await waiting(color)
  assert.match((await cli(['answer', id])).stderr, /no terminal/)
  assert.match((await cli(['answer', id, '--decline'])).stdout, /^Declined/)
  assert.equal((await resultOf(id)).status, 'declined')
})

test('a secret is typed without an echo, or stored from stdin', async (t) => {
  const id = await waiting(secret)
  const terminal = atTerminal(t, ['sessions', 'answer', id, '--url', server.url])
  await terminal.sees(/a\/d\/l › ?$/)
  terminal.type('a\r')
  await terminal.sees(/q1 › ?$/)
  terminal.type('canary-secret\r')
  assert.equal(await terminal.code, 0)
  assert.doesNotMatch(terminal.raw(), /canary-secret/)
  assert.equal((await resultOf(id)).answers[0].secret_ref, 'session:crm_token')
  assert.equal((await cli(['set-secret', id, 'other'], 'canary-secret\n')).code, 0)
  const { stdout } = await cli(['secrets', id])
  assert.match(stdout, /crm_token[\s\S]*other/)
  assert.doesNotMatch(stdout, /canary/)
})

test('a typed choice is a number, a label or free text', () => {
  const choice: Question = { id: 'a', kind: 'choice', question: 'Which?', options }
  assert.deepEqual(readAnswer(choice, '2'), { id: 'a', selected: ['Blue'] })
  assert.deepEqual(readAnswer(choice, ' red '), { id: 'a', selected: ['Red'] })
  assert.deepEqual(readAnswer(choice, 'Green'), { id: 'a', other_text: 'Green' })
  const many = { ...choice, multi_select: true, allow_other: false }
  assert.deepEqual(readAnswer(many, '1, blue'), { id: 'a', selected: ['Red', 'Blue'] })
  assert.equal(readAnswer(many, 'Green'), 'Type a number from 1 to 2.')
  assert.equal(readAnswer(choice, ' '), 'Type an answer.')
})
