import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Event } from '@outlast/contract'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { insistent } from '../../../apps/server/test/server.ts'
import { createSession, eventsOf, post, replyOf } from '../../../apps/server/test/session.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { startPostgresProxy } from '../../postgres-proxy.ts'
import { auditLog } from '../audit.ts'
import { gatedWorld } from '../gates.ts'
import {
  followSoon,
  type Node,
  scopeOf,
  startNodeHere,
  takeoversOf,
  untilIdle,
} from '../scenario.ts'
import { startWorld, type World, worldlySession } from '../world.ts'

/** The activity of each turn, and whether it ends while the database is away. */
const turns = [
  { words: 'text that ends during the outage', ends: true },
  { words: 'text that goes on after the outage', ends: false },
  { words: 'look that ends during the outage', ends: true },
  { words: 'look that goes on after the outage', ends: false },
  { words: 'pay that ends during the outage', ends: true },
  { words: 'pay that goes on after the outage', ends: false },
]

const answerMs = 60_000

/** A valid refusal while the database is away: a response with the reason and Retry-After. */
async function refused(node: Node, method: string, path: string, body?: unknown) {
  const answer = await Promise.race([
    // Before the node has noticed the outage, a request that waits for its share gets 429.
    eventually(async () => {
      const got = await node.call(method, path, body)
      return got.status === 429 ? undefined : got
    }),
    sleep(answerMs, undefined, { ref: false }),
  ])
  assert.ok(answer, `${method} ${path} has no response after ${answerMs} ms`)
  assert.deepEqual([answer.status, answer.body.code], [503, 'database_unavailable'])
  assert.ok(Number(answer.headers.get('retry-after')) > 0)
}

async function allRefused(nodes: Node[], sessionId: string) {
  const path = `/v1/sessions/${sessionId}`
  const message = { message: { content: [{ type: 'text', text: 'hello' }] } }
  await Promise.all(
    nodes.flatMap((node) => [
      refused(node, 'GET', path),
      refused(node, 'GET', `${path}/events`),
      refused(node, 'GET', '/v1/agents'),
      refused(node, 'POST', `${path}/cancel`),
      refused(node, 'POST', `${path}/messages`, message),
    ]),
  )
}

/**
 * Two nodes, turns in the middle of every kind of work, and a database that is away for a while.
 */
async function outage(t: TestContext, { how, ms }: { how: 'refuse' | 'stall'; ms: number }) {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const gates = gatedWorld()
  const world = await startWorld(scope, gates)
  const proxies = await Promise.all([1, 2].map(() => startPostgresProxy(databaseUrl)))
  for (const proxy of proxies) scope.after(proxy.close)
  const plain = await Promise.all(
    proxies.map(({ url }) => startNodeHere(scope, { databaseUrl: url, worldUrl: world.url })),
  )
  const nodes = plain.map((node) => ({ ...node, call: insistent(node.call) }))
  scope.after(async () => {
    for (const { words } of turns) gates.gate(words).open()
    for (const proxy of proxies) proxy.pass()
  })
  const { agent, session: idle } = await worldlySession(nodes[0]!, world)
  const talks = await Promise.all(
    turns.map(async (turn, index) => {
      const { id } = await createSession(nodes[0]!, { agent_id: agent.id })
      const node = nodes[index % 2]!
      await post(node, id, turn.words)
      await gates.gate(turn.words).reached
      return { ...turn, id, node }
    }),
  )

  for (const proxy of proxies) proxy[how]()
  const back = sleep(ms)
  await allRefused(plain, idle.id)
  for (const { words, ends } of talks) if (ends) gates.gate(words).open()
  await back
  for (const proxy of proxies) proxy.pass()

  for (const { words } of talks) gates.gate(words).open()
  const ended = await Promise.all(
    talks.map(async ({ id, node, words }) => {
      await untilIdle(scope, node, id)
      return { words, events: await eventsOf(node, id) }
    }),
  )
  for (const { events, words } of ended) {
    auditLog(events)
    assert.match(replyOf(events), new RegExp(words))
  }
  assert.ok(world.count('pay') <= 2, 'an unsafe effect happened twice')
  // On a loaded machine, a node can lose its lease after the outage as well.
  if ((await takeoversOf(nodes)) === 0) expectNothingRepeated(world, ended)
  for (const node of nodes) {
    const { id } = await createSession(node, { agent_id: agent.id })
    const stream = await followSoon(scope, node, id)
    await post(node, id, 'hello again')
    await stream.event('session.idled')
    assert.match(replyOf(stream.events), /hello again/)
  }
}

function expectNothingRepeated(world: World, ended: { words: string; events: Event[] }[]) {
  for (const { events, words } of ended) {
    const count = (type: string) => events.filter((event) => event.type === type).length
    const calls = words.startsWith('text') ? 1 : 2
    assert.deepEqual(
      [count('output.message.started'), count('llm.generation'), count('turn.completed')],
      [calls, calls, 1],
      `${words}: no request is repeated`,
    )
    assert.ok(events.every(({ data }) => !JSON.stringify(data).includes('interrupted')))
  }
  const asked = world.prompts.filter((prompt) => JSON.stringify(prompt).includes('the outage'))
  assert.equal(asked.length, 2 * 1 + 4 * 2, 'no model is called again')
  assert.equal(world.effects.length, 4, 'every effect happened once')
}

const outages = [
  { how: 'refuse', ms: 5_000 },
  { how: 'stall', ms: 12_000 },
  { how: 'refuse', ms: 60_000 },
  { how: 'stall', ms: 60_000 },
] as const

test('PostgreSQL is away for longer than a lease', { concurrency: true }, async (t) => {
  await Promise.all(
    outages.map(({ how, ms }) =>
      t.test(`${how} for ${ms / 1000} s: turns wait and continue, and nothing runs twice`, (own) =>
        outage(own, { how, ms }),
      ),
    ),
  )
})
