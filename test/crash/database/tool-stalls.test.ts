/** A tool whose statements meet a database that does not respond for some seconds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { defineCapability, defineTool } from '../../../apps/server/src/capabilities/capability.ts'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  scripted,
} from '../../../apps/server/test/session.ts'
import { startPostgresProxy } from '../../postgres-proxy.ts'
import { auditLog } from '../audit.ts'
import { untilIdle } from '../scenario.ts'

/** Longer than the wait of a request for a connection, shorter than that of a statement. */
const stallMs = 4_000
/** More than the connections of a node. */
const atOnce = 40

test('a call waits for a connection while the database does not respond', async (t) => {
  const proxy = await startPostgresProxy(await createTestDatabase(t))
  t.after(proxy.close)
  let runs = 0
  const capability = defineCapability({
    id: 'reader',
    name: 'Reader',
    description: 'Reads files.',
    category: 'Testing',
    icon: 'file',
    status: 'available',
    tools: () => [
      defineTool({
        name: 'look',
        description: 'Lists files many times at once.',
        replay: 'unsafe',
        input: Type.Object({}),
        async run(_input, { files }) {
          runs += 1
          proxy.stall()
          setTimeout(proxy.pass, stallMs)
          const lists = await Promise.all(Array.from({ length: atOnce }, () => files.list('/')))
          return { lists: lists.length }
        },
      }),
    ],
  })
  const server = await startServer(t, { databaseUrl: proxy.url, capabilities: [capability] })
  const agent = await createAgent(server, { capabilities: [{ ref: 'reader' }] })
  const { id } = await createSession(server, { agent_id: agent.id })
  await post(
    server,
    id,
    scripted({ tool_calls: [{ name: 'look', arguments: {} }] }, { text: 'Done.' }),
  )
  await untilIdle(t, server, id)
  const events = await eventsOf(server, id)
  const results = events.flatMap((event) =>
    event.type === 'tool.completed' ? [event.data.result ?? event.data.error] : [],
  )
  assert.deepEqual(results, [[{ type: 'text', text: `{"lists":${atOnce}}` }]])
  assert.equal(runs, 1)
  auditLog(events)
})
