/** Model calls and tools of a turn, and their state after another attempt takes the turn over. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { defineCapability, defineTool } from '../../apps/server/src/capabilities/capability.ts'
import { queryRows } from '../../apps/server/test/database.ts'
import { addVendorModel, startVendor } from '../../apps/server/test/remotes/vendor.ts'
import { startServer } from '../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  scripted,
  typesOf,
} from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { auditLog } from './audit.ts'

type Replay = 'safe' | 'unsafe'

/** Two tools whose behavior the test chooses. */
const toolsThat = (run: (name: Replay) => Promise<void>) =>
  defineCapability({
    id: 'outside',
    name: 'Outside',
    description: 'Has effects outside.',
    category: 'Testing',
    icon: 'hand',
    status: 'available',
    tools: () =>
      (['safe', 'unsafe'] as const).map((replay) =>
        defineTool({
          name: replay,
          description: 'Has an effect outside.',
          replay,
          input: Type.Object({}),
          async run() {
            await run(replay)
            return {}
          },
        }),
      ),
  })

const uses = { capabilities: [{ ref: 'outside' }] }
const calls = ['safe', 'unsafe'].map((name) => ({ name, arguments: {} }))

test('a model is called and a tool runs only after the intent is stored', async (t) => {
  const begun: [string, number][] = []
  const tooEarly = Promise.withResolvers<void>()
  let look = async (_what: string, _type: string) => {}
  const capability = toolsThat((name) => look(name, 'tool.started'))
  const server = await startServer(t, { capabilities: [capability] })
  const vendor = await startVendor(t, async ({ number }) => {
    await look('model', 'output.message.started')
    return number === 1 ? { calls } : { text: 'done' }
  })
  await addVendorModel(server, vendor)
  const agent = await createAgent(server, uses)
  const { id } = await createSession(server, { agent_id: agent.id })
  look = async (what, wanted) => {
    const types = typesOf(await eventsOf(server, id))
    const intents = types.filter((type) => type === wanted).length
    begun.push([what, intents])
    if (intents === 0) tooEarly.resolve()
  }
  const stream = await follow(t, server.url, { sessionId: id })
  await post(server, id, 'hello')
  await Promise.race([stream.event('session.idled'), tooEarly.promise])
  assert.deepEqual(begun.toSorted(), [
    ['model', 1],
    ['model', 2],
    ['safe', 2],
    ['unsafe', 2],
  ])
})

/** As after a crash: another attempt begins while the log has intents of calls and no outcome. */
const takeOver = `
with s as (
  update sessions set turn_node = null where id = $1 returning org_id, id, turn_id
), t as (
  update turns set node_id = null where session_id = $1
)
select graphile_worker.add_job(
  'turn', json_build_object('org_id', org_id, 'session_id', id, 'turn_id', turn_id), job_key => turn_id
) from s`

test('an attempt that takes a turn over runs its safe tools again, and never an unsafe one', async (t) => {
  const runs: Replay[] = []
  const capability = toolsThat(async (name) => {
    runs.push(name)
    // The first run does not end, as when its node dies.
    if (runs.indexOf(name) === runs.length - 1) await new Promise<void>(() => {})
  })
  const server = await startServer(t, { capabilities: [capability] })
  const agent = await createAgent(server, uses)
  const { id } = await createSession(server, { agent_id: agent.id })
  const stream = await follow(t, server.url, { sessionId: id })
  await post(server, id, scripted({ tool_calls: calls }, { text: 'done' }))
  await eventually(async () => runs.length === 2)
  await queryRows(server.databaseUrl, takeOver, [id])
  await stream.event('session.idled')
  assert.deepEqual(runs, ['safe', 'unsafe', 'safe'])
  const events = await eventsOf(server, id)
  auditLog(events)
  const outcomes = events.flatMap(({ type, data }) => (type === 'tool.completed' ? [data] : []))
  const failed = outcomes.filter(({ success }) => !success)
  assert.deepEqual([outcomes.length, failed.length], [2, 1])
  assert.match(failed[0]!.error!, /interrupted/)
})
