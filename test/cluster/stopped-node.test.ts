import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Workflow } from '@outlast/contract'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { addVendorModel, beginStream, startVendor } from '../../apps/server/test/remotes/vendor.ts'
import { startModel } from '../../apps/server/test/remotes/written-model.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  replyOf,
} from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { type ServerProcess, startProcess } from '../process.ts'
import { shows, storedOf, textOf } from './following.ts'

test('followers of a node that is stopped and continued never see text of the attempt it lost', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const env = {
    DATABASE_URL: databaseUrl,
    SECRETS_ENCRYPTION_KEY: `kek-v1:${Buffer.alloc(32, 7).toString('base64')}`,
  }
  const model = await startModel(t)
  const first = await startProcess(env)
  t.after(first.crash)
  const { id } = await model.session(first)
  const here = await follow(t, first.url, { sessionId: id })
  await post(first, id, 'Go on')
  const lost = await model.call()
  lost.say('in vain ')
  await shows(here, 'in vain ')
  const second = await startProcess(env)
  t.after(second.crash)
  const there = await follow(t, second.url, { sessionId: id })
  await shows(there, 'in vain ')

  first.child.kill('SIGSTOP')
  lost.say('stale ')
  const call = await model.call(2)
  call.say('again ')
  await shows(there, 'again ')
  first.child.kill('SIGCONT')
  await shows(here, 'again ')
  lost.say('stale ')
  call.say('and whole')
  for (const stream of [here, there]) await shows(stream, 'again and whole')
  call.end()

  for (const { event, events } of [here, there]) {
    await event('session.idled')
    assert.equal(textOf(events), 'again and whole')
    assert.doesNotMatch(JSON.stringify(events), /stale/)
    assert.deepEqual(storedOf(events), await eventsOf(second, id))
  }
  await Promise.all([first.stop(), second.stop()])
})

/** The turn of a session while a node runs it, read through one of the nodes. */
const runningTurn = ({ call }: ServerProcess, sessionId: string) =>
  eventually(async (): Promise<Workflow | undefined> => {
    const { body } = await call('GET', `/v1/durable/workflows?session_id=${sessionId}`)
    return body.data?.find(({ node }: Workflow) => node !== null)
  })

test('a turn whose nodes are stopped and continued in one model call, four times, completes', async (t) => {
  const env = { DATABASE_URL: await createTestDatabase(t), MODEL_TIMEOUT_MS: '600000' }
  let answers = false
  const vendor = await startVendor(t, () => (answers ? { text: 'done' } : beginStream))
  const first = await startProcess(env)
  t.after(first.crash)
  await addVendorModel(first, vendor)
  const { id } = await createSession(first, { agent_id: (await createAgent(first)).id })
  await post(first, id, 'Go on')
  const { node: firstId } = await runningTurn(first, id)
  const second = await startProcess(env)
  t.after(second.crash)
  for (const takeover of [1, 2, 3, 4]) {
    const before = await runningTurn(first, id)
    const [owner, other] = before.node === firstId ? [first, second] : [second, first]
    answers = takeover === 4
    owner.child.kill('SIGSTOP')
    if (!answers) {
      await eventually(async () => (await runningTurn(other, id)).attempts > before.attempts)
      owner.child.kill('SIGCONT')
      await eventually(async () => (await runningTurn(other, id)).tries < 3)
      continue
    }
    const stream = await follow(t, other.url, { sessionId: id })
    await stream.event('session.idled')
    const log = await eventsOf(other, id)
    assert.deepEqual([log.at(-2)!.type, replyOf(log)], ['turn.completed', 'done'])
  }
})
