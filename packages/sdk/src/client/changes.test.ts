import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { registerPerson, startGuarded } from '../../../../apps/server/test/access.ts'
import { createTestDatabase } from '../../../../apps/server/test/database.ts'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { reservePort } from '../../../../test/ports.ts'
import { startProcess } from '../../../../test/process.ts'
import { startFront } from '../../test/front.ts'
import { startProxy } from '../../test/proxy.ts'
import { startClient, starter, until } from '../../test/session.ts'
import { type ChangeEvent, type ConnectionOptions, createOutlast, type Outlast } from '../index.ts'

let client: Awaited<ReturnType<typeof startClient>>

beforeAll(async (t) => {
  client = await startClient(t as TestContext)
})

/** An open stream, and the changes that it yielded so far. */
async function watch(t: TestContext, { changes }: Outlast, options: ConnectionOptions = {}) {
  const stream = changes.stream(options)
  const told: ChangeEvent[] = []
  t.after(() => stream.return!())
  /** Reads until a change matches. */
  async function next(fits: (change: ChangeEvent) => boolean) {
    for (;;) {
      const { value } = await stream.next()
      told.push(value!)
      if (fits(value!)) return
    }
  }
  await next(isReset)
  return { stream, told, next }
}

const isReset = ({ type }: ChangeEvent) => type === 'reset'
const isOf = (type: ChangeEvent['type'], id: string) => (change: ChangeEvent) =>
  change.type === type && change.type !== 'reset' && change.data.id === id

test('streams changes of the own organization only, and refuses session tokens', async (t) => {
  const server = await startGuarded(t)
  const [one, other] = [await registerPerson(server), await registerPerson(server)]
  const clientOf = (apiKey: string) => createOutlast({ url: server.url, apiKey })
  const [mine, theirs] = [one, other].map(({ tokens }) => clientOf(tokens.access_token))
  const { told, next } = await watch(t, mine!)
  const foreign = await starter(theirs!)()
  const own = await starter(mine!)({ title: 'Mine' })
  await next(isOf('session.changed', own.id))
  await mine!.sessions.update(own.id, { title: 'Renamed' })
  await next((change) => change.type === 'session.changed' && change.data.title === 'Renamed')
  await mine!.sessions.delete(own.id)
  await next(isOf('session.deleted', own.id))
  assert.deepEqual(told[0], { type: 'reset' })
  assert.ok(told.some(({ type }) => type === 'changed'))
  assert.doesNotMatch(JSON.stringify(told), new RegExp(foreign.id))
  const any = () => true
  await assert.rejects(until(clientOf('evr_wrong').changes.stream(), any), { status: 401 })
  const { token } = await theirs!.sessions.createToken(foreign.id)
  await assert.rejects(until(clientOf(token).changes.stream(), any), { code: 'users_only' })
})

/** Records lost connections. */
function losses() {
  const codes: (string | undefined)[] = []
  const onConnection = (state: { isOpen: boolean; error?: { code: string } }) =>
    !state.isOpen && codes.push(state.error?.code)
  return { codes, onConnection }
}

test('yields a reset after a cut, a silence and a planned close', async (t) => {
  const proxy = await startProxy(t, client.server.url)
  const through = createOutlast({ url: proxy.url })
  const cut = losses()
  const silent = losses()
  const made: string[] = []
  // A slow machine can be silent for as long before its connection is cut.
  for (const [lose, options] of [
    [proxy.cutAll, { onConnection: cut.onConnection }],
    [proxy.stallAll, { silenceMs: 300, onConnection: silent.onConnection }],
  ] as const) {
    const { next } = await watch(t, through, options)
    lose()
    made.unshift((await client.start()).id)
    await next(isReset)
  }
  const { data } = await through.sessions.list({ limit: 2 })
  assert.deepEqual(
    data.map(({ id }) => id),
    made,
  )
  assert.equal(cut.codes[0], 'connection_failed')
  assert.ok(silent.codes.includes('timeout'))
  const cycling = await startClient(t, { SSE_CYCLE_MS: '150' })
  const planned = losses()
  const options = { retriesMax: 0, onConnection: planned.onConnection }
  const cycled = await watch(t, cycling.outlast, options)
  // A server that has just started can send a reset within a connection.
  while (planned.codes.length < 3) await cycled.next(isReset)
  assert.ok(planned.codes.every((code) => code === undefined))
})

test('continues after a restart of the server, and ends at once on break', async (t) => {
  const env = { DATABASE_URL: await createTestDatabase(t), PORT: await reservePort() }
  const first = await startProcess(env)
  const outlast = createOutlast({ url: first.url })
  const leaving = new AbortController()
  const { stream, next } = await watch(t, outlast, { signal: leaving.signal })
  await first.crash()
  const lists = next(isReset).then(() => outlast.sessions.list())
  const second = await startProcess(env)
  t.after(() => second.stop('SIGKILL'))
  assert.equal((await lists).total, 0)
  const { id } = await starter(outlast)()
  await next(isOf('session.changed', id))
  const reading = stream.next()
  const reason = new Error('enough')
  leaving.abort(reason)
  await assert.rejects(reading, reason)
})

test('yields resets behind a proxy that buffers streams while the server responds', async (t) => {
  const front = await startFront(t, client.server.url)
  front.keepStreams()
  const through = createOutlast({ url: front.url })
  const { codes, onConnection } = losses()
  const { next } = await watch(t, through, { silenceMs: 100, onConnection })
  await next(isReset)
  assert.ok(codes.includes('timeout'))
  const silent = await startProxy(t, client.server.url)
  const stream = createOutlast({ url: silent.url }).changes.stream({ retriesMax: 0 })
  silent.refuse(true)
  await assert.rejects(stream.next(), { code: 'connection_failed' })
})
