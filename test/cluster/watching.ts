/** Guarantees for watchers of an organization, on any node and over any bus. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Worker } from '@outlast/contract'
import pg from 'pg'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, createSession, post } from '../../apps/server/test/session.ts'
import { type NamedEvent, watch } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'

export type Following = {
  /** Settings of every node. */
  env: Record<string, string>
  /** Breaks the connections that carry hints between nodes. */
  cut: (databaseUrl: string) => Promise<void>
}

type Stream = Awaited<ReturnType<typeof watch>>

/** Two nodes on one database, and a watcher on the second that receives changes of the first. */
export async function pairWatched(t: TestContext, { env }: Pick<Following, 'env'>) {
  const one = await startServer(t, { env })
  const { databaseUrl } = one
  const two = await startServer(t, { databaseUrl, env: { ...env, ROLE: 'api' } })
  const stream = await watch(t, two.url)
  await hears(stream, one)
  return { one, two, stream }
}

/** Repeats a change until it is received: no event reports that nodes are connected. */
export async function hears({ told }: Stream, server: Parameters<typeof createAgent>[0]) {
  const { id } = await createAgent(server)
  await eventually(async () => {
    await server.call('PATCH', `/v1/agents/${id}`, { name: 'Changed' })
    return told.some(({ data }) => data.id === id)
  })
}

export function changesTests(following: Following): void {
  test('a change on one node is published on another', async (t) => {
    const { one, two, stream } = await pairWatched(t, following)
    const here = await watch(t, one.url)
    const { id } = await createSession(one)
    await stream.session(id)
    await post(one, id, 'Hello')
    const fits = ({ status, preview }: { status: string; preview: string | null }) =>
      status === 'idle' && preview === 'Hello'
    const told = await stream.session(id, fits)
    await here.session(id, fits)
    const { is_pinned: _, ...stored } = (await two.call('GET', `/v1/sessions/${id}`)).body
    assert.deepEqual(told, stored)
    await one.call('PATCH', `/v1/sessions/${id}`, { title: 'Renamed' })
    await stream.session(id, ({ title }) => title === 'Renamed')
    const agent = await createAgent(one)
    await stream.changed('agent', agent.id)
    await two.call('DELETE', `/v1/sessions/${id}`)
    for (const watcher of [here, stream]) {
      assert.deepEqual((await watcher.event('session.deleted')).data, { id })
    }
  })

  test('possibly lost hints are followed by a reload frame', async (t) => {
    const { one, stream } = await pairWatched(t, following)
    const before = stream.told.length
    await following.cut(one.databaseUrl)
    await stream.until(() => stream.told.slice(before).find(({ event }) => event === 'reset'))
    await hears(stream, one)
    assert.equal(stream.frames.at(0)?.event, 'connected')
    assert.ok(stream.told.every(({ event }) => event !== 'disconnecting'))
  })

  test('a node whose lease lapsed is told that hints may be lost', async (t) => {
    const { one, two, stream } = await pairWatched(t, following)
    const { databaseUrl } = one
    const nodes = async () => (await one.call('GET', '/v1/durable/workers')).body.data as Worker[]
    const [self, other] = await nodes()
    const client = new pg.Client(databaseUrl)
    client.on('error', () => {})
    await client.connect()
    await client.query('begin')
    await client.query('select from nodes where id = $1 for update', [other!.id])
    await eventually(async () => (await nodes()).some(({ alive }) => !alive))
    // The first node reads the leases when it renews its own.
    const renewals = new Set<string>()
    await eventually(async () => {
      for (const { id, lease_until } of await nodes())
        if (id === self!.id) renewals.add(lease_until)
      return renewals.size > 3
    })
    const before = stream.told.length
    const { id } = await createAgent(one)
    await client.query('rollback')
    await client.end()
    const fits = ({ event, data }: NamedEvent) => event === 'reset' || data.id === id
    await stream.until(() => stream.told.slice(before).find(fits))
    await hears(stream, one)
    assert.equal((await two.call('GET', `/v1/agents/${id}`)).status, 200)
  })

  test('publishes nodes that join and leave', async (t) => {
    const { one, stream } = await pairWatched(t, following)
    const { databaseUrl } = one
    const third = await startServer(t, { databaseUrl, env: { ...following.env, ROLE: 'api' } })
    const { body } = await third.call('GET', '/v1/durable/workers')
    const { id } = body.data.at(-1)
    await stream.changed('worker', id)
    await third.stop()
    // A node whose lease expired under load has left before.
    await stream.until(() => stream.told.filter(({ data }) => data.id === id).at(1))
  })
}
