/** Runs of AG-UI whose turn waits, or went on without them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startModel } from '../../apps/server/test/remotes/written-model.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, eventsOf, scripted } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { agUiClient, sessionOf, shownMessages } from './ag-ui-agent.ts'

let server: Awaited<ReturnType<typeof startServer>>
let agentId: string
let threads = 0

beforeAll(async (t) => {
  server = await startServer(t)
  agentId = (await createAgent(server)).id
})

function open(fields: { agentId?: string } = {}) {
  threads += 1
  const threadId = `thread ${threads}`
  return { threadId, ...agUiClient('1.0', { url: server.url, agentId, threadId, ...fields }) }
}

const user = (content: string, id: string = crypto.randomUUID()) => ({
  id,
  role: 'user' as const,
  content,
})

const tools = [{ name: 'pick', description: 'Picks.', parameters: { type: 'object' } }]
const pick = { name: 'pick', arguments: {}, id: 'call_p' }

/** A run that hangs fails its test. */
const ends = { timeout: 300_000 }

test('a message with tools ends the wait of a turn for the client', ends, async () => {
  const { client, threadId } = open()
  client.messages.push(user(scripted({ tool_calls: [pick] }, { text: 'Picked.' })))
  await client.runAgent({ tools })
  client.messages.push(user(scripted({ text: 'Instead.' })))
  await client.runAgent({ tools })
  assert.equal(client.messages.at(-1)!.content, 'Instead.')
  const { id } = await sessionOf(server.call, threadId)
  const [outcome] = await eventsOf(server, id, '?types=tool.completed')
  assert.equal(outcome?.type === 'tool.completed' && outcome.data.status, 'cancelled')
})

const whenIdle = (threadId: string) =>
  eventually(async () => {
    const session = await sessionOf(server.call, threadId)
    return session.status === 'idle' ? session : undefined
  })

test('a result that comes too late attaches to the rest of the turn', ends, async () => {
  const { client, threadId, received } = open()
  client.messages.push(user(scripted({ tool_calls: [pick] }, { text: 'Picked.' })))
  await client.runAgent({ tools })
  const { id } = await sessionOf(server.call, threadId)
  const tool_results = [{ tool_call_id: 'call_p', result: 'Theirs.' }]
  const path = `/v1/sessions/${id}/tool-results`
  assert.equal((await server.call('POST', path, { tool_results })).status, 200)
  await whenIdle(threadId)
  client.messages.push({ id: 'late', role: 'tool', toolCallId: 'call_p', content: 'Mine.' })
  await client.runAgent({ tools })
  assert.equal(client.messages.at(-1)!.content, 'Picked.')
  const shown = shownMessages(client)
  await client.runAgent({ tools })
  assert.deepEqual(shownMessages(client), shown, 'a run without input ends at once')
  assert.equal((await received()).at(-1)!.outcome.type, 'success')
  const types = '?types=input.message,tool.completed'
  assert.equal((await eventsOf(server, id, types)).length, 2)
})

test(
  'an answer to a wait for a budget that is over attaches to the rest of the turn',
  ends,
  async () => {
    const created = await createAgent(server)
    const fields = { subject_type: 'agent', subject_id: created.id, currency: 'tokens', limit: 1 }
    const { body: budget } = await server.call('POST', '/v1/budgets', fields)
    const { client, threadId } = open({ agentId: created.id })
    client.messages.push(user(scripted({ text: 'Paid.' })))
    await client.runAgent()
    const resume = client.pendingInterrupts.map(({ id }) => {
      return { interruptId: id, status: 'resolved' as const }
    })
    await client.runAgent({ resume })
    assert.deepEqual(client.pendingInterrupts.length, 1, 'the wait goes on')
    await server.call('POST', `/v1/budgets/${budget.id}/top-up`, { amount: 1_000_000 })
    const { id } = await whenIdle(threadId)
    await client.runAgent({ resume })
    assert.deepEqual(client.pendingInterrupts, [])
    assert.equal(client.messages.at(-1)!.content, 'Paid.')
    assert.equal((await sessionOf(server.call, threadId)).id, id)
    const unknown = [{ interruptId: `turn_${'0'.repeat(32)}:budget`, status: 'resolved' as const }]
    await client.runAgent({ resume: unknown }).catch(() => {})
    assert.equal((await eventsOf(server, id, '?types=input.message')).length, 1)
  },
)

const joins = 'a page joins a turn that another client began, while it runs and after its end'

test(joins, ends, async (t) => {
  const model = await startModel(t)
  const { agent_id: agentId } = await model.session(server)
  const { threadId } = open({ agentId })
  const wanted = { agent_id: agentId, key: threadId }
  const { body: session } = await server.call('POST', '/v1/sessions', wanted)
  const message = { content: [{ type: 'text', text: 'Hello.' }] }
  await server.call('POST', `/v1/sessions/${session.id}/messages`, { message })
  const answer = await model.call()
  const path = `/v1/ag-ui/agents/${agentId}?threadId=${encodeURIComponent(threadId)}&format=ag-ui`
  const { messages, activeRun } = (await server.call('GET', path)).body
  const join = (fields: object = {}) => {
    const names = { url: server.url, agentId, threadId, messages, ...fields }
    const { client } = agUiClient('1.0', names)
    return { client, run: client.runAgent({ runId: activeRun.runId }) }
  }
  const early = join()
  answer.say('The only answer.')
  answer.end()
  await early.run
  await whenIdle(threadId)
  const late = join()
  await late.run
  for (const { client } of [early, late]) {
    assert.equal(client.messages.at(-1)!.content, 'The only answer.')
  }
  await assert.rejects(join({ threadId: 'another' }).run)
  assert.equal((await sessionOf(server.call, threadId)).id, session.id)
  assert.equal((await eventsOf(server, session.id, '?types=input.message')).length, 1)
})
