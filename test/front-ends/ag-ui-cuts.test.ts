/** AG-UI clients whose connection, page or node ends in the middle of a run. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { createAgent, type ScriptStep, scripted } from '../../apps/server/test/session.ts'
import { startProcess } from '../process.ts'
import {
  agUiClient,
  loggedMessages,
  type Protocol,
  protocols,
  sessionOf,
  shownMessages,
} from './ag-ui-agent.ts'

const user = (steps: ScriptStep[], id: string = crypto.randomUUID()) => ({
  id,
  role: 'user' as const,
  content: scripted(...steps),
})

for (const protocol of Object.keys(protocols) as Protocol[]) {
  test(`${protocol}: the node is killed while it streams, and another one continues`, async (t) => {
    const databaseUrl = await createTestDatabase(t)
    const env = { DATABASE_URL: databaseUrl }
    const first = await startProcess(env)
    t.after(() => first.crash())
    const agent = await createAgent(first, { capabilities: [{ ref: 'test_math' }] })
    const second = await startProcess(env)
    t.after(() => second.crash())
    const steps = [
      { text: 'I add.', tool_calls: [{ name: 'add', arguments: { a: 1, b: 2 } }] },
      { text: 'It is three. '.repeat(20), tokens_per_second: 40 },
    ]
    const options = { agentId: agent.id, threadId: 'killed' }
    const { client, events } = agUiClient(protocol, { url: first.url, ...options })
    client.messages.push(user(steps))
    const isInSecond = () => events.filter(({ type }) => type === 'TEXT_MESSAGE_CONTENT').length > 2
    const crash = client.subscribe({
      onTextMessageContentEvent: () => {
        if (isInSecond()) void first.crash()
      },
    })
    const runId = 'run-1'
    await client.runAgent({ runId }).catch(() => {})
    crash.unsubscribe()
    const again = agUiClient(protocol, {
      url: second.url,
      ...options,
      messages: client.messages as never,
    })
    await again.client.runAgent({ runId })
    assert.equal((await again.received()).at(-1)!.type, 'RUN_FINISHED')
    const session = await sessionOf(second.call, 'killed')
    assert.deepEqual(shownMessages(again.client), await loggedMessages(second.call, session.id))
  })
}
