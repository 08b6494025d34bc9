/** Clients that try to make a server wait, on a server with authentication. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import {
  createKey,
  expectStatus,
  type Person,
  registerPerson,
  startGuarded,
} from '../../apps/server/test/access.ts'
import { runSql } from '../../apps/server/test/database.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { connect, parsed, type Wire } from './raw.ts'

/** More than the database connections of a node. */
const crowd = 24

let server: Awaited<ReturnType<typeof startGuarded>>
let person: Person

beforeAll(async (t) => {
  server = await startGuarded(t as TestContext)
  person = await registerPerson(server)
})

const othersAreServed = async () => {
  const agent = { name: 'Ada', system_prompt: 'x' }
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      expectStatus(await person.call('GET', '/v1/agents?limit=1'), 200)
      expectStatus(await person.call('POST', '/v1/agents', agent), 201)
    }),
  )
}

const authorization = () => `Host: x\r\nAuthorization: ${person.bearer}\r\n`

const large: Record<string, string> = {
  'a credential of 64 KB': `Authorization: Bearer ${'a'.repeat(65_536)}\r\n`,
  'cookies of 64 KB': `Cookie: access_token=${'a'.repeat(65_536)}\r\n`,
  'a thousand cookies': `Cookie: ${'access_token=a; '.repeat(4_096)}\r\n`,
  'an organization of 64 KB': `X-Org-Id: org_${'a'.repeat(65_536)}\r\n`,
  '64 KB in a thousand headers':
    'X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(1_024),
}

for (const [name, headers] of Object.entries(large)) {
  test(`headers that are too large: ${name}`, async (t) => {
    const wire = await connect(t, server.url)
    wire.socket.write(`GET /v1/agents HTTP/1.1\r\nHost: x\r\n${headers}\r\n`)
    const { status, head, body } = parsed(await wire.ended)
    assert.deepEqual([status, body.code], [431, 'headers_too_large'])
    assert.match(head, /content-type: application\/json/)
    await othersAreServed()
  })
}

test('headers below the limit are accepted', async () => {
  const filler = { 'x-filler': 'a'.repeat(12_000) }
  expectStatus(await person.call('GET', '/v1/agents', undefined, filler), 200)
})

describe('a slow sender is disconnected', { concurrency: true }, () => {
  /** Writes one byte at intervals, repeating the last one, until the peer closes the connection. */
  function trickle({ socket }: Wire, text: string) {
    let sent = 0
    const timer = setInterval(() => {
      if (socket.writable) socket.write(text.at(Math.min(sent, text.length - 1))!)
      sent += 1
    }, 200)
    socket.once('close', () => clearInterval(timer))
  }

  const slow: Record<string, (wire: Wire) => void> = {
    'nothing at all': () => {},
    'the first line': (wire) => trickle(wire, 'GET /v1/a'),
    'headers without an end': (wire) => {
      wire.socket.write(`GET /v1/agents HTTP/1.1\r\n${authorization()}X-Slow: `)
      trickle(wire, 'a')
    },
    'a second request that never ends': (wire) => {
      wire.socket.write(`GET /v1/agents?limit=1 HTTP/1.1\r\n${authorization()}\r\nGET /v1/`)
      trickle(wire, 'a')
    },
  }
  for (const [name, send] of Object.entries(slow)) {
    test(name, async (t) => {
      const wires = await Promise.all(Array.from({ length: crowd }, () => connect(t, server.url)))
      for (const wire of wires) send(wire)
      await othersAreServed()
      const texts = await Promise.all(wires.map(({ ended }) => ended))
      for (const text of texts) {
        const last = parsed(text.slice(text.lastIndexOf('HTTP/1.1 ')))
        assert.deepEqual([last.status, last.body.code], [408, 'request_timeout'])
      }
    })
  }
})

test('slow request bodies do not delay other clients and count once complete', async (t) => {
  const body = JSON.stringify({ name: 'Slow', system_prompt: 'x' })
  const head = `POST /v1/agents HTTP/1.1\r\n${authorization()}Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n`
  const wires = await Promise.all(Array.from({ length: crowd }, () => connect(t, server.url)))
  for (const [at, { socket }] of wires.entries()) {
    socket.write(`${head}Idempotency-Key: slow-${at}\r\n\r\n${body.slice(0, -1)}`)
  }
  await othersAreServed()
  for (const { socket } of wires) socket.write(body.slice(-1))
  const texts = await Promise.all(wires.map(({ ended }) => ended))
  assert.deepEqual(new Set(texts.map((text) => parsed(text).status)), new Set([201]))
})

test('requests without credentials are refused before their body has arrived', async (t) => {
  const wire = await connect(t, server.url)
  wire.socket.write(
    'POST /v1/agents HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{',
  )
  const answer = new Promise<void>((resolve) => wire.socket.once('data', () => resolve()))
  await answer
  assert.match(wire.text(), /^HTTP\/1\.1 401 /)
})

test('slow readers of a large list do not delay other clients', async (t) => {
  const agents = 20_000
  await runSql(
    server.databaseUrl,
    `insert into agents (org_id, id, name, system_prompt)
     select '${person.orgId}', 'agent_' || lpad(to_hex(n), 32, '0'), 'Agent ' || n, repeat('x', 1000)
     from generate_series(1, ${agents}) n`,
  )
  const wires = await Promise.all(Array.from({ length: crowd }, () => connect(t, server.url)))
  await Promise.all(
    wires.map(async ({ socket }) => {
      socket.write(`GET /v1/agents HTTP/1.1\r\n${authorization()}Connection: close\r\n\r\n`)
      await new Promise((resolve) => socket.once('data', resolve))
      socket.pause()
    }),
  )
  const before = process.memoryUsage.rss()
  await othersAreServed()
  const key = await createKey(server, person)
  expectStatus(await key.call('GET', '/v1/agents?limit=1'), 200)
  assert.ok(process.memoryUsage.rss() - before < 400 * 1024 * 1024, 'lists are held in memory')
  const [patient, ...rest] = wires
  for (const { socket } of rest) socket.destroy()
  patient!.socket.resume()
  const text = await patient!.ended
  assert.match(text, /^HTTP\/1\.1 200 /)
  assert.ok(text.split('"system_prompt"').length > agents, 'the list is incomplete')
})
