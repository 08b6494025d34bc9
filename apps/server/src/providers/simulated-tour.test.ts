import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../test/hooks.ts'
import { startServer } from '../../test/server.ts'
import { createAgent, createSession, dataOf, post, replyOf } from '../../test/session.ts'
import { follow } from '../../test/stream.ts'

const guidedTour = 'agent_01933b5a000070008000000000000106'
const simulatedProvider = 'provider_01933b5a000070008000000000000003'

let server: Awaited<ReturnType<typeof startServer>>
let fastModel: string
beforeAll(async (t) => {
  server = await startServer(t as never)
  const { body } = await server.call('POST', `/v1/llm-providers/${simulatedProvider}/models`, {
    model_id: 'llmsim-default-tps-100000',
    display_name: 'Tour without pauses',
  })
  fastModel = body.id
})

/** Plays the tour of an agent until its turn ends, and decides on its approval. */
async function play(t: TestContext, agent_id: string, decision: string) {
  const { id } = await createSession(server, { agent_id, model_id: fastModel })
  const stream = await follow(t, server.url, { sessionId: id })
  await post(server, id, 'Hello!')
  await stream.event('tool.approval_requested')
  const { tool_call } = dataOf(stream.events, 'tool.approval_requested')!
  await server.call('POST', `/v1/sessions/${id}/approvals/${tool_call.id}`, { decision })
  await stream.event('turn.completed')
  const fileAt = (path: string) => server.call('GET', `/v1/sessions/${id}/fs${path}`)
  return { events: stream.events, fileAt, deleted: tool_call.name }
}

const table = /\| DE \| 2 \| 165\.75 \|\n\| FR \| 2 \| 99\.90 \|\n\| IT \| 1 \| 210\.00 \|/

test('the tour plans, runs a command, writes a file, asks for approval and reports', async (t) => {
  const { events, fileAt, deleted } = await play(t, guidedTour, 'approve')
  assert.equal(deleted, 'delete_file')
  const tools = events.flatMap(({ type, data }) =>
    type === 'tool.completed' ? [(data as { tool_name: string }).tool_name] : [],
  )
  assert.deepEqual(tools.toSorted(), [
    ...['bash', 'delete_file', 'write_file'],
    ...['write_todos', 'write_todos', 'write_todos', 'write_todos'],
  ])
  assert.match(replyOf(events), table)
  assert.match(replyOf(events), /You approved/)
  assert.match((await fileAt('/tour/report.md')).body.content, table)
  assert.equal((await fileAt('/tour/orders.csv')).status, 404)
})

test('a denied approval keeps the file, and the tour ends with its table', async (t) => {
  const { events, fileAt } = await play(t, guidedTour, 'deny')
  assert.match(replyOf(events), /was not approved/)
  assert.match(replyOf(events), table)
  assert.equal((await fileAt('/tour/orders.csv')).status, 200)
})

test('an agent without the tools of the tour learns which agent has them', async (t) => {
  const tour = { system_prompt: 'llmsim-tour', capabilities: [] }
  const { id: agent_id } = await createAgent(server, tour)
  const { id } = await createSession(server, { agent_id, model_id: fastModel })
  const stream = await follow(t, server.url, { sessionId: id })
  await post(server, id, 'Hello!')
  await stream.event('turn.completed')
  assert.match(replyOf(stream.events), /needs the tools write_todos, bash.*Guided Tour/)
})
