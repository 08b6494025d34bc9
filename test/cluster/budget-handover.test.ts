/** A stopping node charges the call that it hands over once, with the text that it has received. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { LedgerEntry } from '@outlast/contract'
import { addBudget, assertSettled } from '../../apps/server/test/budgets.ts'
import { createTestDatabase, queryRows } from '../../apps/server/test/database.ts'
import {
  addVendorModel,
  beginStream,
  sendDelta,
  startVendor,
  type VendorAnswer,
} from '../../apps/server/test/remotes/vendor.ts'
import { insistent, startServer } from '../../apps/server/test/server.ts'
import {
  createSession,
  dataOf,
  eventsOf,
  post,
  replyOf,
  typesOf,
} from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { auditLog } from '../crash/audit.ts'
import { followSoon } from '../crash/scenario.ts'
import { type Fault, startPostgresProxy } from '../postgres-proxy.ts'

const text = 'word '.repeat(8_000)
/** By the estimate. */
const tokens = 10_000
/** More than the prompt of these tests. */
const promptMost = 3_000
const done = { text: 'Done.', usage: { prompt_tokens: 20, completion_tokens: 7 } }

const withoutEnd: VendorAnswer = (response) => {
  beginStream(response)
  sendDelta(response, { content: text })
}

type Staging = { first?: VendorAnswer; fault?: (label: string) => Fault | undefined }

/** A node that has begun a call with a budget, whose statements pass `fault`, and a second node. */
async function stage(t: TestContext, { first = withoutEnd, fault = () => undefined }: Staging) {
  const vendor = await startVendor(t, ({ number }) => (number === 1 ? first : done))
  const databaseUrl = await createTestDatabase(t)
  const proxy = await startPostgresProxy(databaseUrl, { onStatement: fault })
  t.after(proxy.close)
  const plain = await startServer(t, { databaseUrl: proxy.url, env: { SHUTDOWN_GRACE_MS: '0' } })
  const one = { ...plain, call: insistent(plain.call) }
  await addVendorModel(one, vendor)
  const budget = await addBudget({ databaseUrl }, { limit: 1_000_000, soft_limit: 5_000 })
  const { id } = await createSession(one)
  const stream = await followSoon(t, one, id)
  await post(one, id, 'Write.')
  // The first node has the turn before there is another one.
  await eventually(async () => vendor.requests.length > 0)
  const two = await startServer(t, { databaseUrl })
  return {
    one,
    two,
    id,
    databaseUrl,
    proxy,
    vendor,
    /** Waits until the first node has the whole text. */
    streamed: () =>
      stream.until(() => {
        const deltas = stream.events.map((event) =>
          event.type === 'output.message.delta' ? event.data.delta : '',
        )
        return deltas.join('') === text || undefined
      }),
    /** Waits for the end on the second node. Returns the ledger's amounts, the oldest first. */
    async charged() {
      const rest = await follow(t, two.url, { sessionId: id })
      await rest.event('session.idled')
      auditLog(await eventsOf(two, id))
      await assertSettled({ databaseUrl }, budget)
      const { body: ledger } = await two.call('GET', `/v1/budgets/${budget}/ledger`)
      const amounts = (ledger as LedgerEntry[]).map(({ amount }) => amount).toReversed()
      const { body: shown } = await two.call('GET', `/v1/budgets/${budget}`)
      assert.equal(shown.balance, shown.limit - amounts.reduce((sum, amount) => sum + amount, 0))
      return amounts
    },
  }
}

const assertWhole = (amount: number | undefined) =>
  assert.ok(amount! > tokens && amount! < tokens + promptMost, `${amount} charged`)

test('a handover charges the text that the node has received, and stores the warning', async (t) => {
  const { one, two, id, streamed, charged } = await stage(t, {})
  await streamed()
  await one.stop()
  const [cut, ...others] = await charged()
  assertWhole(cut)
  assert.deepEqual(others, [27])
  const events = await eventsOf(two, id)
  assert.equal(replyOf(events), 'Done.')
  const types = typesOf(events)
  assert.equal(types.filter((type) => type === 'budget.warning').length, 1)
  assert.ok(types.indexOf('budget.warning') < types.lastIndexOf('output.message.started'))
  assert.equal(dataOf(events, 'budget.warning').balance, 1_000_000 - cut!)
})

/** Time that a stopping node without a database waits for it. Then its turns lose their text. */
const partingMs = 2_000

/** Stops a node whose statement loses its response, in a new scene while that takes too long. */
async function stopThroughLoss(t: TestContext, lost: string) {
  for (;;) {
    let isLost = false
    const scene = await stage(t, {
      fault(label) {
        if (label !== lost || isLost) return undefined
        isLost = true
        return { when: 'after' }
      },
    })
    await scene.streamed()
    const begun = performance.now()
    await scene.one.stop()
    assert.ok(isLost)
    if (performance.now() - begun < partingMs) return scene
    await scene.two.stop()
  }
}

for (const lost of ['retake-turn', 'append-events-settles', 'release-turn']) {
  test(`a handover charges once when the response of ${lost} is lost`, async (t) => {
    const { two, id, charged } = await stopThroughLoss(t, lost)
    const [cut, ...others] = await charged()
    assertWhole(cut)
    assert.deepEqual(others, [27])
    const types = typesOf(await eventsOf(two, id))
    assert.equal(types.filter((type) => type === 'budget.warning').length, 1)
  })
}

test('a handover does not charge the next call with the use of one whose settlement has no response', async (t) => {
  const stored = Promise.withResolvers<void>()
  const never = new Promise<void>(() => {})
  const calls = [{ name: 'unknown', arguments: {} }]
  const { one, two, id, proxy, charged } = await stage(t, {
    first: { calls, usage: { prompt_tokens: 30, completion_tokens: 8 } },
    fault(label) {
      if (label !== 'append-events-usage-reserves') return undefined
      return { when: 'late', sent: Promise.resolve(), made: stored.resolve, answered: never }
    },
  })
  await stored.promise
  const stopped = one.stop()
  proxy.cut()
  await stopped
  const [settled, unknown, ...others] = await charged()
  assert.equal(settled, 38)
  assert.ok(unknown! > 38, 'the next call was not sent: its prompt is charged')
  assert.deepEqual(others, [27])
  const types = typesOf(await eventsOf(two, id))
  assert.equal(types.filter((type) => type === 'output.message.started').length, 3)
})

test('a settlement that arrives after a takeover charges nothing', async (t) => {
  const [begun, sent] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const { one, two, id, databaseUrl, streamed, charged } = await stage(t, {
    fault(label) {
      if (label !== 'append-events-settles') return undefined
      begun.resolve()
      const answered = Promise.resolve()
      return { when: 'late', sent: sent.promise, made() {}, answered }
    },
  })
  await streamed()
  const stopped = one.stop()
  await begun.promise
  await queryRows(
    databaseUrl,
    `with s as (update sessions set turn_node = null where id = $1 returning org_id, id, turn_id),
      t as (update turns set node_id = null where session_id = $1)
    select start_turn(org_id, id, turn_id) from s`,
    [id],
  )
  const amounts = await charged()
  sent.resolve()
  await stopped
  assert.equal(amounts.length, 2)
  assert.ok(amounts[0]! > 0 && amounts[0]! < promptMost, 'the second node knows the prompt only')
  assert.deepEqual(amounts.slice(1), [27])
  assert.equal(replyOf(await eventsOf(two, id)), 'Done.')
  assert.deepEqual(await charged(), amounts)
})
