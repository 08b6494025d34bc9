import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import { startServer } from '../../apps/server/test/server.ts'
import { createSession, eventsOf, post } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'

test('a Redis that does not respond stops no server and loses no event', async (t) => {
  const refusing = net.createServer((socket) => socket.destroy())
  await new Promise<void>((resolve) => refusing.listen(0, '127.0.0.1', resolve))
  t.after(() => new Promise((resolve) => refusing.close(resolve)))
  const { port } = refusing.address() as net.AddressInfo
  const env = { REDIS_URL: `redis://127.0.0.1:${port}`, LOG_LEVEL: 'silent' }
  const worker = await startServer(t, { env })
  const { databaseUrl } = worker
  const other = await startServer(t, { databaseUrl, env: { ...env, ROLE: 'api' } })
  const { id } = await createSession(other)
  const here = await follow(t, worker.url, { sessionId: id })
  const there = await follow(t, other.url, { sessionId: id })
  assert.equal((await post(other, id, 'Hello')).status, 201)
  for (const { event, events } of [here, there]) {
    await event('session.idled')
    const stored = events.filter(({ sequence }) => sequence !== undefined)
    assert.deepEqual(stored, await eventsOf(worker, id))
  }
})
