/** Requests whose bodies arrive slowly, on servers with small times. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, parsed, type Wire } from '../../../../../test/access/raw.ts'
import { type Person, registerPerson, startGuarded } from '../../../test/access.ts'
import { startServer } from '../../../test/server.ts'
import type { BodyTimes } from './slow-bodies.ts'

/** Times that no test reaches. Each test lowers the one that it is about. */
const ample: BodyTimes = {
  silenceMs: 120_000,
  requestMs: 120_000,
  bytesPerSecond: 1,
  requestMsMax: 240_000,
}

async function scene(t: TestContext, times: Partial<BodyTimes>) {
  const server = await startGuarded(t, { bodyTimes: { ...ample, ...times } })
  return { server, person: await registerPerson(server) }
}

const agent = JSON.stringify({ name: 'Slow', system_prompt: 'x'.repeat(2_000) })

/** Begins a request whose body is `agent`. */
async function begin(
  t: TestContext,
  url: string,
  { person, path, type = 'application/json' }: { person?: Person; path: string; type?: string },
) {
  const wire = await connect(t, url)
  const authorization = person ? `Authorization: ${person.bearer}\r\n` : ''
  wire.socket.write(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${authorization}Content-Type: ${type}\r\nContent-Length: ${agent.length}\r\n\r\n`,
  )
  return wire
}

/** Writes the body in this number of pieces, as long as the connection is open. */
async function trickle({ socket }: Wire, pieces: number, pauseMs: number) {
  const size = Math.ceil(agent.length / pieces)
  for (let at = 0; at < agent.length && socket.writable; at += size) {
    socket.write(agent.slice(at, at + size))
    await sleep(pauseMs)
  }
}

async function assertTooSlow(wire: Wire) {
  const { status, body } = parsed(await wire.ended)
  assert.deepEqual([status, body.code], [408, 'request_timeout'])
}

test('a body that arrives slowly is accepted, after the times for silence and for a request', async (t) => {
  const { server, person } = await scene(t, {
    silenceMs: 2_000,
    requestMs: 1_000,
    bytesPerSecond: 10,
  })
  const wire = await begin(t, server.url, { person, path: '/v1/agents' })
  await Promise.all([trickle(wire, 30, 100), once(wire.socket, 'data')])
  assert.match(wire.text(), /^HTTP\/1\.1 201 /)
})

test('a silent body is refused, with and without a credential', async (t) => {
  const { server, person } = await scene(t, { silenceMs: 200 })
  for (const caller of [{ person }, {}]) {
    const path = caller.person ? '/v1/agents' : '/v1/auth/login'
    const wire = await begin(t, server.url, { ...caller, path })
    wire.socket.write('{')
    await assertTooSlow(wire)
  }
})

test('a body below the lowest rate is refused', async (t) => {
  const { server, person } = await scene(t, {
    requestMs: 400,
    bytesPerSecond: 100_000,
    silenceMs: 4_000,
  })
  const wire = await begin(t, server.url, { person, path: '/v1/agents' })
  await Promise.all([trickle(wire, agent.length, 20), assertTooSlow(wire)])
})

test('a body ends after the longest time, at any rate', async (t) => {
  const { server, person } = await scene(t, { requestMs: 200, requestMsMax: 400, silenceMs: 4_000 })
  const wire = await begin(t, server.url, { person, path: '/v1/agents' })
  await Promise.all([trickle(wire, agent.length, 20), assertTooSlow(wire)])
})

test('without a credential the bytes of a body give no more time', async (t) => {
  const { server } = await scene(t, { requestMs: 400, silenceMs: 4_000 })
  const wire = await begin(t, server.url, { path: '/v1/auth/login' })
  await Promise.all([trickle(wire, agent.length, 20), assertTooSlow(wire)])
})

test('a client that has its response gets no time for the rest of its body', async (t) => {
  const { server, person } = await scene(t, { requestMs: 400, silenceMs: 4_000 })
  for (const request of [
    { path: '/v1/agents' },
    { path: '/nowhere/%zz' },
    { path: '/v1/agents', person, type: 'text/plain' },
  ]) {
    const wire = await begin(t, server.url, request)
    await trickle(wire, agent.length, 20)
    assert.match(await wire.ended, /^HTTP\/1\.1 4\d\d /)
  }
})

test('without authentication all clients may send slowly', async (t) => {
  const times = { ...ample, silenceMs: 2_000, requestMs: 1_000, bytesPerSecond: 10 }
  const server = await startServer(t, { bodyTimes: times })
  const wire = await begin(t, server.url, { path: '/v1/agents' })
  await Promise.all([trickle(wire, 20, 100), once(wire.socket, 'data')])
  assert.match(wire.text(), /^HTTP\/1\.1 201 /)
})

test('a refused client that does not close its connection is disconnected', async (t) => {
  const { server, person } = await scene(t, { silenceMs: 200 })
  const { hostname, port } = new URL(server.url)
  const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  t.after(() => socket.destroy())
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.on('error', () => {})
  socket.resume()
  socket.write(
    `POST /v1/agents HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${person.bearer}\r\nContent-Length: 10\r\n\r\n{`,
  )
  await once(socket, 'end')
  // Only a reset of the connection ends it: this side never does.
  const writing = setInterval(() => socket.write('x'), 50)
  t.after(() => clearInterval(writing))
  await closed
})
