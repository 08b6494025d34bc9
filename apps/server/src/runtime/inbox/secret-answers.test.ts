import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../../test/access.ts'
import { startServer } from '../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  scripted,
} from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'

const secret = {
  kind: 'secret',
  question: 'The token of the CRM?',
  secret_name: 'crm_token',
  purpose: 'To read your customers.',
}
const ask = { tool_calls: [{ name: 'ask_user', arguments: { questions: [secret] } }] }

test('the model cannot read a secret that a person gave, also in the copy that takes its place', async (t) => {
  const server = await startServer(t)
  const value = 'token-4711-of-the-crm'
  const capabilities = [{ ref: 'ask_user' }, { ref: 'session_storage' }]
  const { id: agent_id } = await createAgent(server, { capabilities })
  const get = { tool_calls: [{ name: 'get_secret', arguments: { name: secret.secret_name } }] }
  const replace = {
    tool_calls: [{ name: 'set_secret', arguments: { name: secret.secret_name, value: 'other' } }],
  }
  const put = { secrets: { [secret.secret_name]: value } }
  for (const answer of [{ secret: value }, { secret_ref: `session:${secret.secret_name}` }]) {
    const { id } = await createSession(server, { agent_id, key: JSON.stringify(answer) })
    const path = `/v1/sessions/${id}`
    const stream = await follow(t, server.url, { sessionId: id })
    const steps = [ask, get, replace, get, { text: 'Thanks.' }]
    expectStatus(await post(server, id, scripted(...steps)), 201)
    await stream.event('tool.call_requested')
    if ('secret_ref' in answer) {
      expectStatus(await server.call('PUT', `${path}/storage/secrets`, put), 200)
    }
    const answers = { answers: [{ id: 'q1', ...answer }] }
    expectStatus(await server.call('POST', `${path}/question-answers`, answers), 200)
    await stream.event('session.idled')
    for (const n of [2, 4]) {
      const { error, error_code } = dataOf(stream.events, 'tool.completed', n)!
      assert.equal(error_code, 'secret_hidden', String(error))
      assert.match(String(error), /secret_ref/)
    }
    const fork = expectStatus(await server.call('POST', `${path}/fork`, { take_key: true }), 201)
    const events = await converse(t, server, fork.id, scripted(get, { text: 'Done.' }))
    assert.equal(dataOf(events, 'tool.completed')!.error_code, 'secret_hidden')
    for (const session of [id, fork.id]) {
      assert.ok(!JSON.stringify(await eventsOf(server, session)).includes(value))
    }
  }
})
