import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import OpenAI from 'openai'
import { Type } from 'typebox'
import { createKey, registerPerson, startGuarded } from '../../../../test/access.ts'
import { connectTo, untilLocked } from '../../../../test/database.ts'
import { startServer } from '../../../../test/server.ts'
import { createAgent, eventsOf, scripted } from '../../../../test/session.ts'
import { follow } from '../../../../test/stream.ts'
import { eventually } from '../../../../test/waiting.ts'
import { defineCapability, defineTool } from '../../../capabilities/capability.ts'
import { builtins } from '../../../capabilities/index.ts'

/** A capability whose tool runs until it is released. */
function holding() {
  const released = Promise.withResolvers<string>()
  const tool = defineTool({
    name: 'hold',
    description: 'For tests.',
    replay: 'safe',
    input: Type.Object({}),
    run: () => released.promise,
  })
  const capability = defineCapability({
    id: 'holding',
    name: 'Holding',
    description: 'For tests.',
    category: 'Testing',
    icon: 'bug',
    status: 'available',
    tools: () => [tool],
  })
  return { capability, release: () => released.resolve('Released.') }
}

const write = { id: 'call_1', name: 'write_file', arguments: { path: '/a.txt', content: 'x' } }
const hold = { id: 'call_2', name: 'hold', arguments: {} }
const input = scripted({ tool_calls: [write, hold] }, { text: 'Done.' })

type Sent = { outlast: { waiting_for: object[] } } | OpenAI.ChatCompletion

const requests: Record<string, (openai: OpenAI) => Promise<Sent>> = {
  Responses: async (openai) => {
    const response = await openai.responses.create({ model: 'agent:ada', input, store: false })
    return response as unknown as { outlast: { waiting_for: object[] } }
  },
  'Chat Completions': (openai) =>
    openai.chat.completions.create({
      model: 'agent:ada',
      messages: [{ role: 'user', content: input }],
    }),
}

for (const [api, send] of Object.entries(requests)) {
  test(`${api}: an approval that was given while another tool ran is no wait`, async (t) => {
    const { capability, release } = holding()
    const server = await startServer(t, { capabilities: [...builtins, capability] })
    const files = { ref: 'session_file_system', config: { requires_approval: ['write_file'] } }
    await createAgent(server, { name: 'ada', capabilities: [files, { ref: 'holding' }] })
    const openai = new OpenAI({ baseURL: `${server.url}/openai/v1`, apiKey: 'none', maxRetries: 0 })
    const sending = send(openai)
    const sessions = async () => (await server.call('GET', '/v1/sessions')).body.data
    const { id } = await eventually(async () => (await sessions())[0])
    const stored = (type: string) =>
      eventually(async () => (await eventsOf(server, id)).some((event) => event.type === type))
    await stored('tool.approval_requested')
    await stored('tool.started')
    const approve = { decision: 'approve' }
    const { status } = await server.call('POST', `/v1/sessions/${id}/approvals/call_1`, approve)
    assert.equal(status, 200)
    await stored('tool.approval_resolved')
    release()
    const answer = await sending
    if ('outlast' in answer) {
      assert.deepEqual(answer.outlast.waiting_for, [])
      assert.deepEqual(await sessions(), [], 'the response is not stored')
    } else {
      const [{ message, finish_reason } = assert.fail()] = answer.choices
      assert.deepEqual([message.content, message.refusal], ['Done.', null])
      assert.equal(finish_reason, 'stop')
    }
  })
}

test('a client that leaves before its response is awaited counts as no open stream', async (t) => {
  const { capability, release } = holding()
  t.after(release)
  const env = { STREAMS_PER_CREDENTIAL: '1' }
  const server = await startGuarded(t, { env, capabilities: [...builtins, capability] })
  const { key, call } = await createKey(server, await registerPerson(server))
  await createAgent({ url: server.url, call }, { name: 'ada', capabilities: [{ ref: 'holding' }] })
  const locking = await connectTo(t, server.databaseUrl)
  await locking.query('begin; lock table sessions in access exclusive mode')
  const headers = { authorization: key, 'content-type': 'application/json' }
  const sending = request(`${server.url}/openai/v1/responses`, { method: 'POST', headers })
  sending.on('error', () => {})
  sending.end(JSON.stringify({ model: 'agent:ada', input: scripted({ tool_calls: [hold] }) }))
  await untilLocked(server.databaseUrl)
  sending.destroy()
  // Answered after the server learned that the connection was closed.
  for (let count = 0; count < 3; count += 1) await server.call('GET', '/health')
  await locking.query('rollback')
  const { id } = await eventually(async () => (await call('GET', '/v1/sessions')).body.data[0])
  const events = () => eventsOf({ url: server.url, call }, id)
  await eventually(async () => (await events()).some(({ type }) => type === 'tool.started'))
  // The request has begun to wait by then.
  for (let count = 0; count < 20; count += 1) await events()
  const stream = await follow(t, server.url, { sessionId: id, headers: { authorization: key } })
  assert.equal(stream.response.status, 200)
})
