import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { alterDatabase, createTestDatabase } from '../../../apps/server/test/database.ts'
import { insistent, masterKey, startServer } from '../../../apps/server/test/server.ts'
import { createSession, post } from '../../../apps/server/test/session.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { type Fault, startPostgresProxy } from '../../postgres-proxy.ts'
import { startProcess } from '../../process.ts'
import { scopeOf, untilIdle } from '../scenario.ts'

type Answering = Awaited<ReturnType<typeof startServer>>

const ready = ({ call }: Answering) => call('GET', '/health/ready')

const untilReady = (server: Answering) =>
  eventually(async () => {
    const answer = await ready(server)
    return answer.status === 200 ? answer : undefined
  })

const untilUnready = (server: Answering) =>
  eventually(async () => (await ready(server)).status === 503)

/** A node of each role behind a proxy. */
async function nodes(
  t: Parameters<typeof scopeOf>[0],
  onStatement?: (label: string) => Fault | undefined,
) {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const proxy = await startPostgresProxy(databaseUrl, { ...(onStatement && { onStatement }) })
  scope.after(proxy.close)
  scope.after(proxy.pass)
  const start = (ROLE: string) => startServer(scope, { databaseUrl: proxy.url, env: { ROLE } })
  return { scope, databaseUrl, proxy, all: await start('all'), api: await start('api') }
}

test('a node is not ready while its database is read-only, and reports the reason', async (t) => {
  const { databaseUrl, proxy, all, api } = await nodes(t)
  const setReadOnly = async (value: 'on' | 'off') => {
    await alterDatabase(databaseUrl, `set default_transaction_read_only = ${value}`)
    proxy.cut()
  }
  await Promise.all([all, api].map(untilReady))
  await setReadOnly('on')
  for (const server of [all, api]) {
    await untilUnready(server)
    await eventually(async () => /read-only/.test((await ready(server)).body.reason))
    const { status, body } = await server.call('GET', '/health')
    assert.deepEqual([status, body.status, body.database], [200, 'degraded', 'unreachable'])
  }
  await setReadOnly('off')
  const [again] = await Promise.all([all, api].map(untilReady))
  assert.equal(again!.body.reason, undefined)
})

test('the health check responds at once while the database does not', async (t) => {
  const { proxy, all, api } = await nodes(t)
  await Promise.all([all, api].map(untilReady))
  proxy.stall()
  for (const server of [all, api]) {
    await untilUnready(server)
    // No statement is awaited: it would be answered when the network is back, which is after this.
    assert.equal((await server.call('GET', '/health')).status, 200)
    assert.match((await ready(server)).body.reason, /does not answer|has not responded/)
  }
  proxy.pass()
  await Promise.all([all, api].map(untilReady))
})

test('the log has the beginning and the end of an outage, and each reason once', async (t) => {
  const scope = scopeOf(t)
  const proxy = await startPostgresProxy(await createTestDatabase(scope))
  scope.after(proxy.close)
  const env = { SECRETS_ENCRYPTION_KEY: masterKey, LOG_LEVEL: 'info' }
  const node = await startProcess({ ...env, DATABASE_URL: proxy.url })
  scope.after(node.crash)
  const status = async () => (await node.call('GET', '/health/ready')).status
  const reasons = () => [...node.output().matchAll(/not renew the lease","reason":"([^"]*)"/g)]
  const ends = () => node.output().match(/renewed the lease again/g)
  proxy.refuse()
  await eventually(async () => (await status()) === 503)
  await eventually(async () => reasons().length > 0)
  // In this time the node tries several times.
  await sleep(3_000)
  const found = reasons().map(([, reason]) => reason)
  const repeats = found.filter((reason, index) => reason === found[index - 1])
  if (!ends()) assert.deepEqual(repeats, [])
  proxy.pass()
  await eventually(async () => (await status()) === 200)
  await eventually(async () => ends())
})

test('a node whose lease cannot be renewed in time is not ready, and runs turns once it can', async (t) => {
  let isSlow = false
  const released: (() => void)[] = []
  const { scope, all } = await nodes(t, (label) => {
    if (!isSlow || label !== 'renew-lease') return undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    released.push(resolve)
    return { when: 'late', sent: Promise.resolve(), made() {}, answered: promise }
  })
  await untilReady(all)
  isSlow = true
  await untilUnready(all)
  // A node that was stopped itself has another reason until the renewal has timed out.
  await eventually(async () => /does not answer in time/.test((await ready(all)).body.reason))
  const client = { ...all, call: insistent(all.call) }
  const { id } = await createSession(client)
  assert.equal((await post(client, id, 'hello')).status, 201)
  isSlow = false
  for (const release of released) release()
  await untilReady(all)
  await untilIdle(scope, all, id)
})
