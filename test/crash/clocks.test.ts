import assert from 'node:assert/strict'
import test from 'node:test'
import type { Event } from '@outlast/contract'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { createSession, eventsOf, post, replyOf } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { auditLog } from './audit.ts'
import { gatedWorld } from './gates.ts'
import { type Node, type Scope, scopeOf, startNode } from './scenario.ts'
import { startWorld, worldlySession } from './world.ts'

const clock = new URL('shifted-clock.ts', import.meta.url).href
const hourMs = 3_600_000
/** Longer than the whole test may take. */
const sanelyMs = 120_000

function shifted(shiftMs: number) {
  return { NODE_OPTIONS: `--import=${clock}`, CLOCK_SHIFT_MS: String(shiftMs) }
}

/** Every duration is one that a clock could measure. */
function auditDurations(value: unknown, path = ''): void {
  if (typeof value !== 'object' || value === null) return
  for (const [key, part] of Object.entries(value)) {
    if (/(duration|wait|first_token)_ms$/.test(key)) {
      assert.ok(part >= 0 && part < sanelyMs, `${path}.${key} is ${part}`)
    }
    auditDurations(part, `${path}.${key}`)
  }
}

/** A node streams the rest from every event. */
async function auditResume(scope: Scope, node: Node, { id, log }: { id: string; log: Event[] }) {
  for (const [index, { id: since_id }] of log.slice(0, -1).entries()) {
    const query = `?since_id=${since_id}`
    const stream = await follow(scope, node.url, { sessionId: id, query })
    await stream.event('session.idled')
    stream.close()
    const heard = stream.events.filter(({ sequence }) => sequence !== undefined)
    assert.deepEqual(heard, log.slice(index + 1))
  }
}

for (const [name, first, second] of [
  ['an hour ahead', hourMs, -hourMs],
  ['an hour behind', -hourMs, hourMs],
] as const) {
  test(`a turn that a node ${name} began is finished by one whose clock differs by two hours`, async (t) => {
    const scope = scopeOf(t)
    const databaseUrl = await createTestDatabase(scope)
    const gates = gatedWorld()
    const world = await startWorld(scope, gates)
    const node = (shiftMs: number) =>
      startNode(scope, { databaseUrl, worldUrl: world.url, env: shifted(shiftMs) })
    const dying = await node(first)
    const { agent, session } = await worldlySession(dying, world)
    const { id } = await createSession(dying, { agent_id: agent.id })
    const { body } = await post(dying, session.id, 'text')
    assert.ok(dying.output().includes(`clock shifted by ${first} ms`), 'the clock is shifted')
    const idTime = Number.parseInt(body.id.slice('message_'.length, 'message_'.length + 12), 16)
    for (const time of [Date.parse(body.created_at), idTime])
      assert.ok(Math.abs(time - Date.now()) < sanelyMs, 'a message has the time of the database')
    await post(dying, id, 'look')
    await Promise.all(['text', 'look'].map((words) => gates.gate(words).reached))
    const survivor = await node(second)
    await dying.crash()
    for (const words of ['text', 'look']) {
      gates.gate(words).open()
      gates.gate(`${words} again`).open()
    }
    const again = await node(first)
    for (const sessionId of [session.id, id]) {
      const stream = await follow(scope, survivor.url, { sessionId })
      await stream.event('session.idled')
      const log = await eventsOf(survivor, sessionId)
      auditLog(log)
      auditDurations(log)
      const times = log.map(({ ts }) => ts)
      assert.deepEqual(times, times.toSorted(), 'times go forward')
      await auditResume(scope, again, { id: sessionId, log })
      await post(again, sessionId, 'hello')
      await stream.event('session.idled', 2)
      assert.match(replyOf(await eventsOf(survivor, sessionId)), /hello/)
    }
  })
}
