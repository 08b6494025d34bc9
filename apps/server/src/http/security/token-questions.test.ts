import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../test/access.ts'
import { createAgent, createSession, eventsOf, post, scripted } from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'

const color = { question: 'Which color?', options: [{ label: 'Red' }, { label: 'Blue' }] }
const secret = {
  kind: 'secret',
  question: 'The token?',
  secret_name: 'crm_token',
  purpose: 'To read your customers.',
}

/** Starts a session with a question, and creates tokens for it. */
async function asking(t: Parameters<typeof startGuarded>[0], question: object) {
  const server = await startGuarded(t)
  const key = await createKey(server, await registerPerson(server))
  const mine = { url: server.url, call: key.call }
  const agent = await createAgent(mine, { capabilities: [{ ref: 'ask_user' }] })
  const session = await createSession(mine, { agent_id: agent.id, user: 'ada' })
  const calls = { name: 'ask_user', arguments: { questions: [question] } }
  const script = scripted({ tool_calls: [calls] }, { text: 'Thanks.' })
  expectStatus(await post(mine, session.id, script), 201)
  const path = `/v1/sessions/${session.id}`
  await eventually(async () => (await key.call('GET', path)).body.waiting_for)
  const tokenFor = async (access: 'read' | 'write') => {
    const made = await key.call('POST', `${path}/tokens`, { access })
    return callerWith(server.url, `Bearer ${expectStatus(made, 201).token}`)
  }
  return { server, mine, path, session, tokenFor }
}

test('a token with write access sees and answers questions, but not with a secret', async (t) => {
  const { server, mine, path, session, tokenFor } = await asking(t, color)
  const [reading, writing] = [await tokenFor('read'), await tokenFor('write')]
  const seen = await eventsOf(
    { call: reading, url: server.url },
    session.id,
    '?types=tool.call_requested',
  )
  const [event] = seen
  assert.ok(event?.type === 'tool.call_requested')
  assert.deepEqual(event.data.input!.questions[0]!.options, color.options)
  assert.deepEqual(event.data.tool_calls[0]!.arguments, {})
  const answers = { answers: [{ id: 'q1', selected: ['Red'] }] }
  const where = `${path}/question-answers`
  expectStatus(await reading('POST', where, answers), 403, 'forbidden')
  for (const route of ['storage/keys', 'storage/secrets', 'tool-rules']) {
    expectStatus(await writing('GET', `${path}/${route}`), 403, 'users_only')
  }
  const put = { secrets: { crm_token: 'x' } }
  expectStatus(await writing('PUT', `${path}/storage/secrets`, put), 403, 'users_only')
  const decisions = { approvals: [{ tool_call_id: 'call', decision: 'approve' }] }
  expectStatus(await writing('POST', `${path}/approvals`, decisions), 403, 'forbidden')
  const other = await createSession(mine, { agent_id: session.agent_id })
  const elsewhere = `/v1/sessions/${other.id}/question-answers`
  expectStatus(await writing('POST', elsewhere, answers), 404, 'not_found')
  expectStatus(await writing('POST', where, answers), 200)
})

test('a token can decline a secret, and neither store nor name one', async (t) => {
  const { mine, path, tokenFor } = await asking(t, secret)
  const call = await tokenFor('write')
  const where = `${path}/question-answers`
  const by = (answer: object) => call('POST', where, { answers: [{ id: 'q1', ...answer }] })
  expectStatus(await by({ secret: 'canary' }), 403, 'not_granted')
  const secrets = { crm_token: 'canary' }
  expectStatus(await mine.call('PUT', `${path}/storage/secrets`, { secrets }), 200)
  expectStatus(await by({ secret_ref: 'session:crm_token' }), 403, 'not_granted')
  expectStatus(await call('POST', where, { status: 'declined' }), 200)
})

test('the answer of an end user names the user, and another user has no questions', async (t) => {
  const { server, mine, path, session } = await asking(t, color)
  const as = async (user: string) => {
    const made = await mine.call('POST', '/v1/tokens', { user, access: 'write' })
    return callerWith(server.url, `Bearer ${expectStatus(made, 201).token}`)
  }
  const answers = { answers: [{ id: 'q1', selected: ['Red'] }] }
  const where = `${path}/question-answers`
  expectStatus(await (await as('bob'))('POST', where, answers), 404, 'not_found')
  expectStatus(await (await as('ada'))('POST', where, answers), 200)
  const [event] = await eventsOf(mine, session.id, '?types=tool.completed')
  assert.ok(event?.type === 'tool.completed')
  const { kind, name, user } = event.data.answered_by!
  assert.deepEqual([kind, name, user], ['user', 'ada', 'ada'])
})

test('another organization can neither read nor answer a question', async (t) => {
  const { server, path } = await asking(t, color)
  const foreign = await createKey(server, await registerPerson(server))
  const answers = { answers: [{ id: 'q1', selected: ['Red'] }] }
  expectStatus(await foreign.call('POST', `${path}/question-answers`, answers), 404, 'not_found')
  const decisions = { approvals: [{ tool_call_id: 'call', decision: 'approve' }] }
  expectStatus(await foreign.call('POST', `${path}/approvals`, decisions), 404, 'not_found')
  const settled = { decisions: [{ tool_call_id: 'call', decision: 'allow_always' }] }
  expectStatus(await foreign.call('POST', `${path}/tool-approvals`, settled), 404, 'not_found')
})
