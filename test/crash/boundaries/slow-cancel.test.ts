import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { createTestDatabase, queryRows } from '../../../apps/server/test/database.ts'
import { eventsOf } from '../../../apps/server/test/session.ts'
import { follow } from '../../../apps/server/test/stream.ts'
import { type Delay, startPostgresProxy } from '../../postgres-proxy.ts'
import { auditLog } from '../audit.ts'
import { gatedWorld } from '../gates.ts'
import {
  postUntilAccepted,
  postUntilAnswered,
  type Scope,
  scopeOf,
  startNodeHere,
} from '../scenario.ts'
import { startWorld, type WorldOptions, worldlySession } from '../world.ts'
import { stored } from './walk.ts'

/** A world, and a database behind a proxy that keeps the next append until it is released. */
async function setHeldStage(t: TestContext, options: WorldOptions) {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const world = await startWorld(scope, options)
  let take: (() => Delay) | undefined
  const proxy = await startPostgresProxy(databaseUrl, {
    onStatement(label) {
      if (!label.startsWith('append-events') || !take) return undefined
      const fault = take()
      take = undefined
      return fault
    },
  })
  scope.after(proxy.close)
  return {
    scope,
    databaseUrl,
    world,
    proxy,
    hold() {
      const begun = Promise.withResolvers<void>()
      const sent = Promise.withResolvers<void>()
      const made = Promise.withResolvers<void>()
      scope.after(() => sent.resolve())
      take = () => {
        begun.resolve()
        return {
          when: 'late',
          sent: sent.promise,
          made: made.resolve,
          answered: Promise.resolve(),
        }
      }
      return { begun: begun.promise, release: sent.resolve, answered: made.promise }
    },
  }
}

/** The address of a database whose reads of snapshots wait until the first one is stored. */
async function afterSnapshot(scope: Scope, databaseUrl: string): Promise<string> {
  let isOver = false
  const untilStored = async () => {
    while (!isOver && (await queryRows(databaseUrl, 'select from snapshots')).length === 0);
  }
  let stored: Promise<void> | undefined
  const { url, close } = await startPostgresProxy(databaseUrl, {
    onStatement(label) {
      if (label !== 'read-snapshots') return undefined
      stored ??= untilStored().catch(() => {})
      return { when: 'late', sent: stored, made() {}, answered: Promise.resolve() }
    },
  })
  scope.after(close)
  scope.after(() => {
    isOver = true
  })
  return url
}

const words = 'text that is cancelled'

for (const where of ['the same node', 'another node']) {
  test(`streamed text is stored, although its node stores nothing until ${where} has ended the turn`, async (t) => {
    const gates = gatedWorld()
    const { scope, world, proxy, databaseUrl, hold } = await setHeldStage(t, gates)
    const owner = await startNodeHere(scope, { databaseUrl: proxy.url, worldUrl: world.url })
    // On a loaded machine the owner answers the request for its text late.
    const late = await afterSnapshot(scope, databaseUrl)
    const other = await startNodeHere(scope, { databaseUrl: late, worldUrl: world.url })
    const { session } = await worldlySession(owner, world)
    const stream = await follow(scope, owner.url, { sessionId: session.id })
    await postUntilAccepted(owner, session.id, { text: words, key: 'words' })
    await stream.event('output.message.delta')

    const append = hold()
    const by = where === 'the same node' ? owner : other
    const path = `/v1/sessions/${session.id}/cancel`
    const answer = await postUntilAnswered(by, path, { key: 'cancel' })
    assert.equal(answer?.body.status, 'cancelled')
    await append.begun
    append.release()
    await append.answered

    await stream.event('session.idled')
    const events = await eventsOf(other, session.id)
    auditLog(events)
    const replies = events.filter((event) => event.type === 'output.message.completed')
    assert.deepEqual(
      replies.map(({ data }) => data.message.content),
      [[{ type: 'text', text: 'One, ' }]],
    )
    assert.deepEqual(
      stream.events.flatMap((event) =>
        event.type === 'output.message.delta' ? [event.data.delta] : [],
      ),
      ['One, '],
    )
    assert.deepEqual(stored(stream.events), events, 'followers received each event once')
  })
}
