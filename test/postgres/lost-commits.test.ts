import assert from 'node:assert/strict'
import test from 'node:test'
import { eventsOf } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { auditLog } from '../crash/audit.ts'
import type { Scope } from '../crash/scenario.ts'
import { answered, inputsOf, losingScene, say, talk, wordsOf } from '../lost-commits.ts'
import { type Replication, startPair, type Version, versions } from './standby.ts'

/** A primary and its standby, for promotion. Once saved, an async standby receives nothing more. */
async function openPair(scope: Scope, version: Version, replication: Replication) {
  const { primary, standby, address, caughtUp } = await startPair(scope, { version, replication })
  return {
    url: address.url,
    async save() {
      await caughtUp()
      if (replication === 'async') await standby.stopReceiving()
    },
    async lose() {
      await primary.kill()
      await standby.promote()
      address.moveTo(standby.url)
      address.cut()
    },
  }
}

for (const version of versions) {
  test(`lost commits of an asynchronous failover reach no model, no log and no follower (${version})`, async (t) => {
    const { scope, database, gates, world, a, b, agent, id } = await losingScene(t, (scope) =>
      openPair(scope, version, 'async'),
    )
    const before = await talk(a, id, 'before')
    const { id: other } = (await a.call('POST', '/v1/sessions', { agent_id: agent.id })).body
    await talk(a, other, 'hello')
    await a.call('PATCH', `/v1/agents/${agent.id}`, { system_prompt: 'You open doors.' })
    await database.save()
    const stream = await follow(scope, b.url, { sessionId: id })
    const lost = await talk(a, id, 'lost')
    await stream.event('session.idled', 2)
    const paying = 'pay that is lost'
    await say(a, other, paying)
    await gates.gate(paying).reached
    await database.lose()
    gates.gate(paying).open()
    await stream.ended
    for (const text of ['real 1', 'real 2']) await talk(b, id, text)
    const events = await talk(a, id, 'probe')
    auditLog(events)
    assert.deepEqual(inputsOf(events), ['before', 'real 1', 'real 2', 'probe'])
    assert.deepEqual(wordsOf(world.prompts.at(-1)!), inputsOf(events))
    const last = before.at(-1)!
    const resumed = await a.call('GET', `/v1/sessions/${id}/sse?since_id=${lost.at(-1)!.id}`)
    assert.deepEqual(
      [resumed.status, resumed.body.code, resumed.body.resume],
      [409, 'history_changed', { since_id: last.id, sequence: last.sequence }],
    )
    const others = await talk(a, other, 'after')
    auditLog(others)
    assert.deepEqual(inputsOf(others), ['hello', 'after'])
    const [prompt] = await eventsOf(b, id, `?types=llm.generation&after_sequence=${before.length}`)
    assert.match(JSON.stringify(prompt), /You open doors/)
  })

  test(`a synchronous failover ends no turn (${version})`, async (t) => {
    const { database, gates, world, a, id } = await losingScene(t, (scope) =>
      openPair(scope, version, 'sync'),
    )
    await talk(a, id, 'before')
    const words = 'text that goes on'
    await say(a, id, words)
    await gates.gate(words).reached
    await database.save()
    await database.lose()
    gates.gate(words).open()
    auditLog(await answered(a, id, words))
    assert.equal(world.prompts.length, 2, 'no model is called again')
  })
}
