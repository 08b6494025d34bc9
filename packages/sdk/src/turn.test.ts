import assert from 'node:assert/strict'
import { before, type TestContext, test } from 'node:test'
import { startServer } from '../../../apps/server/test/server.ts'
import { scripted } from '../../../apps/server/test/session.ts'
import { clientTool, createOutlast, type Event, type Outlast, TurnFailedError } from './index.ts'

let outlast: Outlast

before(async (t) => {
  const { url } = await startServer(t as TestContext)
  outlast = createOutlast({ url })
})

const openDoor = clientTool({
  name: 'open_door',
  description: 'Opens a door.',
  parameters: {
    type: 'object',
    properties: { door: { type: 'string' }, wide: { type: 'boolean' } },
    required: ['door'],
  },
  run: ({ door, wide = false }) => ({ opened: door.toUpperCase(), wide }),
})

async function start() {
  const agent = await outlast.agents.create({ name: 'Porter', system_prompt: 'You open doors.' })
  const tools = [openDoor.definition]
  return outlast.session(await outlast.sessions.create({ agent_id: agent.id, tools }))
}

const say = (...steps: unknown[]) => scripted(...(steps as [never]))

test('a message awaited is its answer', async () => {
  const session = await start()
  const answer = await session.send('hello')
  assert.match(answer.text, /simulated/i)
  assert.equal(answer.outcome, 'completed')
})

test('a message iterated is the events of its turn, and awaited after that its answer', async () => {
  const session = await start()
  const turn = session.send('hello')
  const events: Event[] = []
  for await (const event of turn) events.push(event)
  assert.equal(events[0]?.type, 'input.message')
  assert.equal(events.at(-1)?.type, 'session.idled')
  assert.match((await turn).text, /simulated/i)
})

test('tools of the client run when the agent calls them', async () => {
  const session = await start()
  const content = say(
    { tool_calls: [{ name: 'open_door', arguments: { door: 'red' } }] },
    { text: 'It is open.' },
  )
  const answer = await session.send(content as never, { tools: [openDoor] })
  assert.equal(answer.text, 'It is open.')
  for await (const { role, content } of outlast.messages.list(session.id)) {
    if (role === 'tool_result') assert.match(JSON.stringify(content), /RED/)
  }
})

test('a turn that fails rejects with its code', async () => {
  const session = await start()
  const content = say({ error: { message: 'no', status: 400 } })
  await assert.rejects(async () => await session.send(content as never), TurnFailedError)
})
