/** Tools whose statements meet a database that does not respond for some seconds. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ToolContext } from '../../../apps/server/src/capabilities/capability.ts'
import { databaseWaits } from '../../../apps/server/src/store/database.ts'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { ownTools, testCapability, testTool } from '../../../apps/server/test/processes/own-code.ts'
import { addListedServer, startMcp } from '../../../apps/server/test/remotes/mcp.ts'
import { insistent, startServer } from '../../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  scripted,
} from '../../../apps/server/test/session.ts'
import { patient } from '../../../apps/server/test/waiting.ts'
import { startPostgresProxy } from '../../postgres-proxy.ts'
import { auditLog } from '../audit.ts'
import { untilIdle } from '../scenario.ts'

/** Longer than the wait of a request for a connection. */
const stallMs = 4_000
/** More than the connections of a node. */
const atOnce = 40

/** Starts a server with a tool `stall`, at whose beginning the database stops responding. */
async function startStalling(t: TestContext, run: (context: ToolContext) => unknown) {
  const proxy = await startPostgresProxy(await createTestDatabase(t))
  t.after(proxy.close)
  const stall = testTool({
    name: 'stall',
    run(_input, context) {
      proxy.stall()
      setTimeout(proxy.pass, stallMs)
      return run(context)
    },
  })
  const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' }
  const capabilities = [testCapability([stall])]
  const waits = { ...databaseWaits, statement: patient.statement }
  const about = { env, databaseUrl: proxy.url, capabilities, databaseWaits: waits }
  const server = await startServer(t, about)
  return { ...server, call: insistent(server.call) }
}

type Server = Awaited<ReturnType<typeof startServer>>

/** Runs the calls of one reply. Returns their results, and errors. */
async function outcomesOf(t: TestContext, server: Server, names: string[], refs: string[] = []) {
  const uses = refs.map((ref) => ({ ref }))
  const agent = await createAgent(server, { capabilities: [...ownTools, ...uses] })
  const { id } = await createSession(server, { agent_id: agent.id })
  const calls = names.map((name) => ({ name, arguments: {} }))
  await post(server, id, scripted({ tool_calls: calls }, { text: 'Done.' }))
  await untilIdle(t, server, id)
  const events = await eventsOf(server, id)
  auditLog(events)
  return events.flatMap((event) =>
    event.type === 'tool.completed' ? [event.data.result ?? event.data.error] : [],
  )
}

test('a call waits for a connection while the database does not respond', async (t) => {
  let runs = 0
  const server = await startStalling(t, async ({ files }) => {
    runs += 1
    const lists = await Promise.all(Array.from({ length: atOnce }, () => files.list('/')))
    return { lists: lists.length }
  })
  const results = await outcomesOf(t, server, ['stall'])
  assert.deepEqual(results, [[{ type: 'text', text: `{"lists":${atOnce}}` }]])
  assert.equal(runs, 1)
})

test('calls of an MCP server wait for a connection while the database does not respond', async (t) => {
  const server = await startStalling(t, () => 'stalled')
  const mcp = await startMcp(t)
  const { ref } = await addListedServer(server, mcp.url)
  const names = ['stall', ...Array<string>(atOnce).fill('mcp_tools__say')]
  const results = await outcomesOf(t, server, names, [ref])
  assert.equal(results.length, names.length)
  for (const result of results) assert.equal(typeof result, 'object', String(result))
})
