/** Crashes of nodes whose turns need a capability that other nodes lack. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { Why } from '@outlast/contract'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import {
  converse,
  dataOf,
  eventsOf,
  post,
  replyOf,
  typesOf,
} from '../../../apps/server/test/session.ts'
import { follow } from '../../../apps/server/test/stream.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { dataFolder, startProcess } from '../../process.ts'
import { auditLog } from '../audit.ts'
import { type Node, scopeOf, startNode, takeoversOf } from '../scenario.ts'
import { type ChatMessage, startWorld, worldlySession } from '../world.ts'

const calls = ['look', 'pay'].map((name) => ({ name, arguments: {} }))
const reply = (prompt: ChatMessage[]) =>
  prompt.some(({ role }) => role === 'tool') ? ['I was told.'] : calls

/** Waits until the turn is refused, and returns the end of its wait. Nodes look at it again. */
const refused = (node: Node, sessionId: string) =>
  eventually(async () => {
    const { body }: { body: Why } = await node.call('GET', `/v1/sessions/${sessionId}/why`)
    const isRefused = body.state === 'queued' && body.missing_capabilities.includes('recording')
    return isRefused && body.until
  })

async function setScene(t: TestContext) {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const [begun, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const world = await startWorld(scope, {
    reply,
    onEffect() {
      if (world.effects.length === calls.length) begun.resolve()
      return world.effects.length <= calls.length ? held.promise : undefined
    },
  })
  scope.after(() => held.resolve())
  const where = { databaseUrl, worldUrl: world.url }
  return { scope, world, where, begun: begun.promise }
}

test('kill -9 of the only node with the capability, in the middle of its tools: the turn waits for the next one', async (t) => {
  const { scope, world, where, begun } = await setScene(t)
  const other = await startServer(scope, where)
  const fitting = await startNode(scope, where)
  const { session } = await worldlySession(fitting, world)
  await post(other, session.id, 'Look and pay.')
  await begun
  const before = await eventsOf(other, session.id)
  await fitting.crash()
  await refused(other, session.id)
  assert.deepEqual(await eventsOf(other, session.id), before, 'the other node appends nothing')
  const stream = await follow(scope, other.url, { sessionId: session.id })
  const next = await startNode(scope, where)
  await stream.event('session.idled')
  const events = await eventsOf(other, session.id)
  auditLog(events)
  assert.equal(replyOf(events), 'I was told.')
  assert.ok(!typesOf(events).includes('capability.unavailable'))
  assert.equal(world.count('pay'), 1)
  const looks = world.effects.filter(({ tool }) => tool === 'look').map(({ key }) => key)
  assert.ok(looks.length >= 2 && looks.length <= 1 + (await takeoversOf([other, next])))
  assert.equal(new Set(looks).size, 1, 'all attempts of the safe tool have one key')
})

test('kill -9 of a node that refused a turn: the turn and the end of its wait are kept', async (t) => {
  const { scope, world, where, begun } = await setScene(t)
  const fitting = await startNode(scope, where)
  const { session } = await worldlySession(fitting, world)
  await fitting.stop()
  const refusing = await startProcess({ DATABASE_URL: where.databaseUrl })
  scope.after(refusing.crash)
  await post(refusing, session.id, 'Look and pay.')
  const until = await refused(refusing, session.id)
  const api = await startServer(scope, { ...where, env: { ROLE: 'api' } })
  await refusing.crash()
  const again = await startProcess({ DATABASE_URL: where.databaseUrl, LOG_LEVEL: 'info' })
  scope.after(again.crash)
  await eventually(async () => again.output().includes('left a turn to nodes'))
  assert.equal(await refused(again, session.id), until)
  const stream = await follow(scope, api.url, { sessionId: session.id })
  await startNode(scope, where)
  await begun
  const call = await api.call('POST', `/v1/sessions/${session.id}/cancel`)
  assert.equal(call.body.status, 'cancelled')
  await stream.event('session.idled')
  auditLog(await eventsOf(api, session.id))
})

test('a server on its embedded database runs a turn at once without a capability that it lacks', async (t) => {
  const { scope, world } = await setScene(t)
  const { DATA_DIR, before } = await dataFolder(t)
  const one = await startNode(scope, { worldUrl: world.url, env: { DATA_DIR } })
  before(one.crash)
  const { session } = await worldlySession(one, world)
  await one.crash()
  const two = await startProcess({ DATA_DIR })
  before(() => two.stop())
  const events = await converse(t, two, session.id, 'Look and pay.')
  assert.deepEqual(dataOf(events, 'session.activated').missing_capabilities, ['recording'])
  const { capability_id, reason } = dataOf(events, 'capability.unavailable')
  assert.deepEqual([capability_id, reason], ['recording', 'missing'])
  assert.equal(world.effects.length, 0)
})
