import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { Event } from '@outlast/contract'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { eventsOf, post, replyOf } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { auditLog } from './audit.ts'
import { gatedWorld } from './gates.ts'
import { postUntilAccepted, scopeOf, startNode, takeoversOf } from './scenario.ts'
import { startWorld, worldlySession } from './world.ts'

/** Two nodes; the one that runs a turn is stopped in the middle of it. */
async function stopMidway(t: TestContext, words: string) {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const gates = gatedWorld()
  const world = await startWorld(scope, gates)
  // It is the only node when the turn begins, so it runs the turn.
  const env = { SHUTDOWN_GRACE_MS: '0' }
  const stopped = await startNode(scope, { databaseUrl, worldUrl: world.url, env })
  scope.after(() => stopped.child.kill('SIGCONT'))
  const { session } = await worldlySession(stopped, world)
  const stream = await follow(scope, stopped.url, { sessionId: session.id })
  await post(stopped, session.id, words)
  await gates.gate(words).reached
  if (words.startsWith('text')) await stream.event('output.message.delta')
  const other = await startNode(scope, { databaseUrl, worldUrl: world.url, env })
  stopped.child.kill('SIGSTOP')
  const elsewhere = await follow(scope, other.url, { sessionId: session.id })
  return { id: session.id, gates, world, stopped, other, stream, elsewhere }
}

/** A follower's events are the log, once and in order, with no text of a superseded attempt. */
function auditFollower(heard: Event[], log: Event[]) {
  assert.deepEqual(
    heard.filter(({ sequence }) => sequence !== undefined),
    log,
  )
  let text = ''
  for (const event of heard) {
    if (event.type === 'output.message.started') text = ''
    if (event.type === 'output.message.delta') {
      text += event.data.delta
      assert.equal(event.data.accumulated, text, 'text of one attempt after another')
    }
    if (event.type === 'output.message.completed') {
      const part = event.data.message.content.find(({ type }) => type === 'text')
      if (part?.type === 'text' && text !== '') assert.equal(text, part.text)
    }
  }
}

for (const { words, effects, prompts } of [
  { words: 'text', effects: 0, prompts: 2 },
  { words: 'look', effects: 2, prompts: 2 },
  { words: 'pay', effects: 1, prompts: 2 },
]) {
  test(`a node stopped in the middle of ${words} past its lease, then continued, makes no more changes`, async (t) => {
    const { id, gates, world, stopped, other, stream, elsewhere } = await stopMidway(t, words)
    // The call of the stopped node ends while the node is stopped.
    for (const name of [words, `${words} again`]) gates.gate(name).open()
    await elsewhere.event('session.idled')
    const log = await eventsOf(other, id)
    auditLog(log)
    assert.deepEqual([world.effects.length, world.prompts.length], [effects, prompts])
    assert.equal(JSON.stringify(log).includes('interrupted'), words === 'pay')

    stopped.child.kill('SIGCONT')
    await stream.event('session.idled')
    await postUntilAccepted(stopped, id, { text: 'still there?', key: 'still there' })
    await Promise.all([stream, elsewhere].map((each) => each.event('session.idled', 2)))
    const after = await eventsOf(other, id)
    auditLog(after)
    assert.deepEqual(after.slice(0, log.length), log, 'no late write')
    assert.match(replyOf(after), /still there/)
    assert.equal(world.effects.length, effects)
    for (const { events } of [stream, elsewhere]) auditFollower(events, after)
  })
}

test('a continued node streams to its followers only the reply that another node writes', async (t) => {
  const { id, gates, world, stopped, other, stream, elsewhere } = await stopMidway(t, 'text')
  gates.gate('text').open()
  await gates.gate('text again').reached
  stopped.child.kill('SIGCONT')
  await stream.event('output.message.started', 2)
  gates.gate('text again').open()
  await Promise.all([stream, elsewhere].map((each) => each.event('session.idled')))
  const log = await eventsOf(other, id)
  auditLog(log)
  const prompts = world.prompts.length
  assert.ok(prompts >= 2 && prompts <= 1 + (await takeoversOf([stopped, other])), `${prompts}`)
  for (const { events } of [stream, elsewhere]) auditFollower(events, log)
})
