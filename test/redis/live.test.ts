import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '@redis/client'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createSession, eventsOf, post, replyOf, scripted } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { followingTests } from '../cluster/following.ts'
import { changesTests } from '../cluster/watching.ts'
import { startRedis } from './redis.ts'

const env = { REDIS_URL: '' }

beforeAll(async (t) => {
  const redis = await startRedis(t as never)
  env.REDIS_URL = redis.url
})

async function cut() {
  const client = await createClient({ url: env.REDIS_URL }).connect()
  await client.sendCommand(['CLIENT', 'KILL', 'SKIPME', 'yes'])
  client.destroy()
}

followingTests({ env, cut })
changesTests({ env, cut })

test('a Redis that stops and returns causes delays but loses no event', async (t) => {
  const redis = await startRedis(t)
  const nodes = { REDIS_URL: redis.url, LOG_LEVEL: 'silent' }
  const worker = await startServer(t, { env: nodes })
  const { databaseUrl } = worker
  const other = await startServer(t, { databaseUrl, env: { ...nodes, ROLE: 'api' } })
  const { id } = await createSession(worker)
  const stream = await follow(t, other.url, { sessionId: id })
  await stream.event('session.started')
  await redis.stop()
  await post(worker, id, 'Are you there?')
  await stream.event('session.idled')
  await redis.start()
  const words = 'still here '.repeat(20).trim()
  for (let turn = 2; ; turn += 1) {
    await post(worker, id, scripted({ text: words, tokens_per_second: 40 }))
    await stream.event('session.idled', turn)
    if (stream.events.some(({ type }) => type === 'output.message.delta')) break
  }
  const stored = await eventsOf(worker, id)
  assert.equal(replyOf(stored), words)
  assert.deepEqual(
    stream.events.filter(({ sequence }) => sequence !== undefined),
    stored,
  )
})
