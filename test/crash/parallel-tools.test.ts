/** Appends that the database refuses while other tools of the same reply are running. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import {
  defineCapability,
  defineTool,
  type ToolContext,
} from '../../apps/server/src/capabilities/capability.ts'
import { builtins } from '../../apps/server/src/capabilities/index.ts'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { insistent, startServer } from '../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  scripted,
} from '../../apps/server/test/session.ts'
import { startPostgresProxy } from '../postgres-proxy.ts'
import { createGate } from './gates.ts'
import { followSoon, scopeOf } from './scenario.ts'

type Work = (context: ToolContext) => unknown

/** A server with these tools, whose next append is refused with a code on request. */
async function startWith(t: TestContext, tools: Record<string, Work>) {
  const scope = scopeOf(t)
  let refusing: { code: string; refused: () => void } | undefined
  const databaseUrl = await createTestDatabase(scope)
  const proxy = await startPostgresProxy(databaseUrl, {
    onStatement(label) {
      if (!refusing || !label.startsWith('append-events')) return undefined
      const { code, refused } = refusing
      refusing = undefined
      refused()
      return { when: 'refused', code }
    },
  })
  scope.after(proxy.close)
  const define = ([name, run]: [string, Work]) =>
    defineTool({
      name,
      description: 'For tests.',
      replay: 'unsafe',
      input: { type: 'object', properties: {} } as never,
      run: (_input, context) => run(context),
    })
  const parallel = defineCapability({
    id: 'parallel',
    name: 'Parallel',
    description: 'Tools of a test.',
    category: 'Testing',
    icon: 'book',
    status: 'available',
    tools: () => Object.entries(tools).map(define),
  })
  const env = { LOG_LEVEL: 'silent' }
  const options = { databaseUrl: proxy.url, env, capabilities: [...builtins, parallel] }
  const plain = await startServer(scope, options)
  const server = { ...plain, call: insistent(plain.call) }
  const agent = await createAgent(server, { capabilities: [{ ref: 'parallel' }] })
  const { id } = await createSession(server, { agent_id: agent.id })
  const stream = await followSoon(scope, server, id)
  return {
    server,
    id,
    stream,
    send() {
      const calls = Object.keys(tools).map((name) => ({ id: name, name, arguments: {} }))
      return post(server, id, scripted({ tool_calls: calls }, { text: 'Done.' }))
    },
    refuseNext: (code: string) =>
      new Promise<void>((refused) => {
        refusing = { code, refused }
      }),
  }
}

test('calls keep their effects after the append of another result was repeated', async (t) => {
  const [first, others] = [createGate(), createGate()]
  const long = 'x'.repeat(200_000)
  const { server, id, stream, send, refuseNext } = await startWith(t, {
    quick: () => first.pass(),
    writes: async ({ files }) => {
      await others.pass()
      await files.write('/x', 'y')
    },
    stores: async ({ storage }) => {
      await others.pass()
      await storage.values.set('x', 'y')
    },
    returns_much: async () => {
      await others.pass()
      return long
    },
  })
  await send()
  await Promise.all([first.reached, others.reached])
  const refused = refuseNext('40001')
  first.open()
  await refused
  await stream.event('tool.completed')
  others.open()
  await stream.event('session.idled')
  const events = await eventsOf(server, id)
  const outcomes = events.flatMap((event) =>
    event.type === 'tool.completed' ? [[event.data.status, event.data.error]] : [],
  )
  assert.deepEqual(outcomes, Array(4).fill(['success', undefined]))
  const file = await server.call('GET', `/v1/sessions/${id}/fs/x`)
  assert.equal(file.body.content, 'y')
  const stored = await server.call('GET', `/v1/sessions/${id}/storage/keys`)
  assert.deepEqual(
    stored.body.data.map(({ key }: { key: string }) => key),
    ['x'],
  )
})

test('tools that run when a turn fails are aborted', async (t) => {
  const [first, second] = [createGate(), createGate()]
  const aborted = Promise.withResolvers<void>()
  const { server, id, stream, send, refuseNext } = await startWith(t, {
    quick: () => first.pass(),
    hangs: ({ signal }) => {
      signal.addEventListener('abort', () => aborted.resolve())
      return second.pass()
    },
  })
  await send()
  await Promise.all([first.reached, second.reached])
  const refused = refuseNext('22021')
  first.open()
  await refused
  await stream.event('session.idled')
  assert.equal(dataOf(await eventsOf(server, id), 'turn.failed').error_code, 'turn_unstorable')
  await aborted.promise
})
