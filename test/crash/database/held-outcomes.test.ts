/** A turn that holds an unstored outcome when its append fails or arrives too late. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { insistent, startServer } from '../../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  replyOf,
  scripted,
  typesOf,
} from '../../../apps/server/test/session.ts'
import { type Fault, startPostgresProxy } from '../../postgres-proxy.ts'
import { auditLog } from '../audit.ts'
import { followSoon, scopeOf, untilIdle } from '../scenario.ts'

/** A server whose statements pass `fault`, and a session whose agent calculates. */
async function stage(t: TestContext, fault: (label: string) => Fault | undefined) {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const proxy = await startPostgresProxy(databaseUrl, { onStatement: fault })
  scope.after(proxy.close)
  const plain = await startServer(scope, { databaseUrl: proxy.url })
  const server = { ...plain, call: insistent(plain.call) }
  const agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  const { id } = await createSession(server, { agent_id: agent.id })
  const stream = await followSoon(scope, server, id)
  const cancel = async () => {
    const begun = performance.now()
    const { body } = await server.call('POST', `/v1/sessions/${id}/cancel`)
    return { status: body.status as string, ms: performance.now() - begun }
  }
  const idled = () => untilIdle(scope, server, id)
  return { server, id, stream, cancel, idled, proxy }
}

/** Time that a cancel leaves to the attempt at the turn: then it ends the turn itself. */
const ownerMs = 700

/** Plays a scene, again if its cancel took so long that it may have ended the turn itself. */
async function quickly<Scene extends { ms: number; server: { stop: () => Promise<void> } }>(
  play: () => Promise<Scene>,
): Promise<Scene> {
  for (;;) {
    const played = await play()
    if (played.ms < ownerMs) return played
    await played.server.stop()
  }
}

/** Holds some appends back: the first of them until a cancel is committed, each until `release`. */
function holdAppends(...wanted: number[]) {
  const holds = wanted.map(() => ({
    begun: Promise.withResolvers<void>(),
    sent: Promise.withResolvers<void>(),
  }))
  const answered = Promise.resolve()
  let appends = 0
  return {
    holds: holds.map(({ begun, sent }) => ({ begun: begun.promise, release: sent.resolve })),
    fault(label: string): Fault | undefined {
      if (label === 'cancel-turn') {
        return { when: 'late', sent: answered, made: holds[0]!.sent.resolve, answered }
      }
      if (!label.startsWith('append-events')) return undefined
      appends += 1
      const held = holds[wanted.indexOf(appends)]
      held?.begun.resolve()
      return held && { when: 'late', sent: held.sent.promise, made() {}, answered }
    },
  }
}

const add = { tool_calls: [{ name: 'add', arguments: { a: 2, b: 3 } }] }

test('a reply that a node holds when its turn is cancelled is stored with the cancel', async (t) => {
  const { server, id } = await quickly(async () => {
    const { holds, fault } = holdAppends(2)
    const { server, id, stream, cancel } = await stage(t, fault)
    await post(server, id, scripted({ text: 'all of it' }))
    await holds[0]!.begun
    const { status, ms } = await cancel()
    assert.equal(status, 'cancelled')
    await stream.event('session.idled')
    return { server, id, ms }
  })
  const events = await eventsOf(server, id)
  auditLog(events)
  assert.equal(replyOf(events), 'all of it')
  assert.deepEqual(typesOf(events).slice(-5), [
    'turn.cancelled',
    'llm.generation',
    'output.message.completed',
    'reason.completed',
    'session.idled',
  ])
  const { usage } = (await server.call('GET', `/v1/sessions/${id}`)).body
  assert.ok(usage.output_tokens > 0, 'the cost of the reply is counted')
})

test('the result of a tool that a node holds when its turn is cancelled is stored with the cancel', async (t) => {
  const { server, id } = await quickly(async () => {
    const { holds, fault } = holdAppends(3)
    const { server, id, stream, cancel } = await stage(t, fault)
    await post(server, id, scripted(add, { text: 'never' }))
    await holds[0]!.begun
    const { status, ms } = await cancel()
    assert.equal(status, 'cancelled')
    await stream.event('session.idled')
    return { server, id, ms }
  })
  const events = await eventsOf(server, id)
  auditLog(events)
  const outcomes = events.flatMap(({ type, data }) => (type === 'tool.completed' ? [data] : []))
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['success'],
  )
  assert.equal(typesOf(events).filter((type) => type === 'reason.started').length, 1)
})

test('a message that arrives between a cancel and the end of its turn is answered, and the end is stored once', async (t) => {
  const { server, id } = await quickly(async () => {
    const { holds, fault } = holdAppends(2, 3)
    const [reply, end] = holds
    const { server, id, stream, cancel } = await stage(t, fault)
    await post(server, id, scripted({ text: 'first' }))
    await reply!.begun
    const cancelled = cancel()
    await end!.begun
    assert.equal((await post(server, id, scripted({ text: 'second' }))).status, 201)
    end!.release()
    const { status, ms } = await cancelled
    assert.equal(status, 'cancelled')
    await stream.event('session.idled')
    return { server, id, ms }
  })
  const events = await eventsOf(server, id)
  auditLog(events)
  assert.equal(replyOf(events), 'second')
  const count = (wanted: string) => typesOf(events).filter((type) => type === wanted).length
  assert.deepEqual(
    ['turn.cancelled', 'output.message.completed', 'turn.completed', 'session.idled'].map(count),
    [1, 2, 1, 1],
  )
})

test('an append whose response is lost after a cancel is not stored again with the cancel', async (t) => {
  const stored = Promise.withResolvers<void>()
  const never = new Promise<void>(() => {})
  let appends = 0
  const { server, id, stream, cancel, idled, proxy } = await stage(t, (label) => {
    if (!label.startsWith('append-events')) return undefined
    appends += 1
    if (appends !== 2) return undefined
    return { when: 'late', sent: Promise.resolve(), made: stored.resolve, answered: never }
  })
  await post(server, id, scripted(add, { text: 'never' }))
  await stored.promise
  const cancelled = cancel()
  await stream.event('turn.cancelled')
  proxy.cut()
  await cancelled
  await idled()
  const events = await eventsOf(server, id)
  auditLog(events)
  const count = (wanted: string) => typesOf(events).filter((type) => type === wanted).length
  assert.deepEqual(
    ['llm.generation', 'output.message.completed', 'reason.completed', 'tool.started'].map(count),
    [1, 1, 1, 1],
  )
})

test('a turn continues in the same attempt when messages arrive before each of its ends', async (t) => {
  const { holds, fault } = holdAppends(2, 3, 4)
  const labels: string[] = []
  const { server, id, stream } = await stage(t, (label) => {
    labels.push(label)
    return fault(label)
  })
  await post(server, id, scripted({ text: 'first' }))
  for (const [index, { begun, release }] of holds.entries()) {
    await begun
    await post(server, id, scripted({ text: `late ${index}` }))
    release()
  }
  await stream.event('session.idled')
  const events = await eventsOf(server, id)
  auditLog(events)
  assert.equal(typesOf(events).filter((type) => type === 'turn.completed').length, 2)
  assert.ok(!labels.includes('release-turn'), 'no attempt is abandoned')
})

/** Events of which a turn with one tool has one each. */
const once = [
  'turn.started',
  'act.started',
  'tool.started',
  'tool.completed',
  'turn.completed',
] as const

/** Such a turn makes four appends. */
for (const lost of [1, 2, 3, 4]) {
  test(`append ${lost} of a turn, whose response was lost, is not repeated`, async (t) => {
    let appends = 0
    const { server, id, stream } = await stage(t, (label) => {
      if (!label.startsWith('append-events')) return undefined
      appends += 1
      return appends === lost ? { when: 'after' } : undefined
    })
    await post(server, id, scripted(add, { text: 'five' }))
    const twice = once.map((type) => stream.event(type, 2))
    await Promise.race([stream.event('session.idled'), ...twice])
    const events = await eventsOf(server, id)
    const types = typesOf(events)
    assert.deepEqual(
      once.map((wanted) => types.filter((type) => type === wanted).length),
      once.map(() => 1),
    )
    auditLog(events)
    assert.equal(replyOf(events), 'five')
    assert.equal(types.filter((type) => type === 'llm.generation').length, 2)
    assert.equal(types.filter((type) => type === 'output.message.started').length, 2)
  })
}
