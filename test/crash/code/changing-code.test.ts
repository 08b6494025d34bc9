import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Event } from '@outlast/contract'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { dataOf, eventsOf, post } from '../../../apps/server/test/session.ts'
import { gatedWorld } from '../gates.ts'
import {
  followSoon,
  type Node,
  postUntilAnswered,
  scopeOf,
  startNode,
  untilIdle,
} from '../scenario.ts'
import { untilWaiting } from '../waiting.ts'
import { startWorld, worldlySession } from '../world.ts'
import { type CodeVersion, codeOf } from './changing-code.ts'

const program = fileURLToPath(new URL('code-main.ts', import.meta.url))
const call = 'call_0'

async function setStage(t: TestContext) {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const gates = gatedWorld()
  const world = await startWorld(scope, gates)
  /** A node in its own process, to be killed. */
  const startMortal = (code: CodeVersion) =>
    startNode(scope, {
      databaseUrl,
      worldUrl: world.url,
      env: { CODE: JSON.stringify(code) },
      program,
    })
  const startHere = (code: CodeVersion) =>
    startServer(scope, { databaseUrl, ...codeOf(world.url, code) })
  return { scope, gates, world, startMortal, startHere }
}

const guarded = { capabilities: [{ ref: 'recording', config: { requires_approval: true } }] }

const approve = (node: Node, id: string) =>
  postUntilAnswered(node, `/v1/sessions/${id}/approvals/${call}`, {
    body: { decision: 'approve' },
    key: 'approval',
  })

const outcomeOf = (events: Event[]) => {
  const { success, error_code, error } = dataOf(events, 'tool.completed')
  return { success, code: error_code, error }
}

const results: Record<NonNullable<CodeVersion['tools']>, string | undefined> = {
  original: undefined,
  guarded: undefined,
  renamed: 'tool_changed',
  gone: 'tool_missing',
}

type Tools = keyof typeof results

const orders: Tools[][] = [
  ['renamed'],
  ['gone'],
  ['guarded'],
  ['renamed', 'original'],
  ['gone', 'guarded'],
  ['original', 'gone'],
]

for (const versions of orders) {
  test(`a call that waits for approval is killed with its node, then meets ${versions.join(', then ')} tools`, async (t) => {
    const { scope, gates, world, startMortal, startHere } = await setStage(t)
    const words = 'pay ten'
    gates.gate(words).open()
    const first = await startMortal({})
    const { session } = await worldlySession(first, world, guarded)
    await post(first, session.id, words)
    await untilWaiting({ call: first.call, sessionId: session.id }, call)
    await first.crash()
    for (const tools of versions.slice(0, -1)) {
      const between = await startMortal({ tools })
      await untilWaiting({ call: between.call, sessionId: session.id }, call)
      await between.crash()
    }
    const tools = versions.at(-1)!
    const last = await startHere({ tools })
    await approve(last, session.id)
    await untilIdle(scope, last, session.id)
    const events = await eventsOf(last, session.id)
    const { success, code } = outcomeOf(events)
    assert.deepEqual([success, code], [results[tools] === undefined, results[tools]])
    assert.equal(world.count('pay'), success ? 1 : 0)
    const told = JSON.stringify(world.prompts.at(-1))
    if (code) assert.match(told, /The tool pay (no longer exists|has changed)/)
    assert.equal(events.filter(({ type }) => type === 'tool.approval_requested').length, 1)
  })
}

for (const tools of Object.keys(results) as Tools[]) {
  test(`kill -9 during a call that can be repeated, then a takeover with ${tools} tools`, async (t) => {
    const { scope, gates, world, startMortal, startHere } = await setStage(t)
    const words = 'look out'
    const first = await startMortal({})
    const { session } = await worldlySession(first, world)
    await post(first, session.id, words)
    await gates.gate(words).reached
    gates.gate(`${words} again`).open()
    await first.crash()
    const last = await startHere({ tools })
    if (tools === 'guarded') {
      await untilWaiting({ call: last.call, sessionId: session.id }, call)
      assert.equal(world.count('look'), 1)
      await approve(last, session.id)
    }
    await untilIdle(scope, last, session.id)
    const { success, code, error } = outcomeOf(await eventsOf(last, session.id))
    assert.deepEqual([success, code], [results[tools] === undefined, results[tools]])
    if (!success) assert.match(error!, /^The call was interrupted\. It is unknown/)
    const keys = world.effects.map(({ key }) => key)
    assert.equal(keys.length, success ? 2 : 1)
    assert.equal(new Set(keys).size, 1, 'every attempt has the same idempotency key')
  })
}

test('an interrupted call that waits for a new approval is killed again, and runs once it is approved', async (t) => {
  const { scope, gates, world, startMortal, startHere } = await setStage(t)
  const words = 'look out'
  const first = await startMortal({})
  const { session } = await worldlySession(first, world)
  await post(first, session.id, words)
  await gates.gate(words).reached
  gates.gate(`${words} again`).open()
  await first.crash()
  const second = await startMortal({ tools: 'guarded' })
  await untilWaiting({ call: second.call, sessionId: session.id }, call)
  await second.crash()
  const last = await startHere({})
  await approve(last, session.id)
  await untilIdle(scope, last, session.id)
  assert.equal(outcomeOf(await eventsOf(last, session.id)).success, true)
  assert.equal(new Set(world.effects.map(({ key }) => key)).size, 1)
})

test('kill -9 during a call that a hook allowed: the next node repeats it without a question', async (t) => {
  const { scope, gates, world, startMortal, startHere } = await setStage(t)
  const words = 'look out'
  gates.gate('hook').open()
  const first = await startMortal({ hook: true })
  const { session } = await worldlySession(first, world)
  await post(first, session.id, words)
  await gates.gate(words).reached
  gates.gate(`${words} again`).open()
  await first.crash()
  const last = await startHere({ hook: true })
  await untilIdle(scope, last, session.id)
  assert.equal(outcomeOf(await eventsOf(last, session.id)).success, true)
  assert.deepEqual([world.count('hook'), world.count('look')], [1, 2])
})

test('kill -9 while a hook decides: the reply is stored, and the next node asks its hook', async (t) => {
  const { scope, gates, world, startMortal, startHere } = await setStage(t)
  const words = 'pay ten'
  gates.gate(words).open()
  const first = await startMortal({ hook: true })
  const { session } = await worldlySession(first, world)
  await post(first, session.id, words)
  await gates.gate('hook').reached
  const stream = await followSoon(scope, first, session.id)
  await stream.event('reason.completed')
  gates.gate('hook again').open()
  await first.crash()
  const last = await startHere({ hook: true })
  await untilIdle(scope, last, session.id)
  const events = await eventsOf(last, session.id)
  assert.equal(outcomeOf(events).success, true)
  assert.deepEqual(dataOf(events, 'tool.started').hook, { decision: 'allowed' })
  assert.deepEqual([world.count('hook'), world.count('pay'), world.prompts.length], [2, 1, 2])
})
