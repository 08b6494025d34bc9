import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  addVendorModel,
  beginStream,
  sendDelta,
  startVendor,
} from '../../apps/server/test/remotes/vendor.ts'
import { insistent } from '../../apps/server/test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  replyOf,
  scripted,
  typesOf,
} from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { beginProcess, dataFolder, startFails, startProcess } from '../process.ts'

const add = { name: 'add', arguments: { a: 2, b: 3 } }
const words = Array.from({ length: 40 }, (_, n) => `word${n}`).join(' ')

test('kill -9 in the middle of replies: a start on the same folder finishes every turn', async (t) => {
  const { DATA_DIR, before } = await dataFolder(t)
  const one = await startProcess({ DATA_DIR })
  before(one.crash)
  let isKilled = false
  const vendor = await startVendor(t, ({ body: { messages } }) => {
    if (!messages.some(({ role }) => role === 'tool')) return { calls: [add] }
    if (isKilled) return { text: words }
    return (response) => {
      beginStream(response)
      sendDelta(response, { content: 'word0 ' })
    }
  })
  const client = { ...one, call: insistent(one.call) }
  await addVendorModel(client, vendor)
  const agent = await createAgent(client, { capabilities: [{ ref: 'test_math' }] })
  const sessions = await Promise.all(
    Array.from({ length: 5 }, () => createSession(client, { agent_id: agent.id })),
  )
  const streams = await Promise.all(sessions.map(({ id }) => follow(t, one.url, { sessionId: id })))
  await Promise.all(sessions.map(({ id }) => post(client, id, 'What is 2 + 3?')))
  await Promise.all(streams.map((stream) => stream.event('output.message.delta')))
  const seen = streams.map(({ events }) => events.filter(({ sequence }) => sequence))
  await one.crash()
  isKilled = true

  const two = await startProcess({ DATA_DIR })
  before(() => two.stop())
  for (const [index, { id }] of sessions.entries()) {
    const since = seen[index]!.at(-1)!.id
    const stream = await follow(t, two.url, { sessionId: id, query: `?since_id=${since}` })
    await stream.event('session.idled')
    const events = await eventsOf(two, id)
    assert.deepEqual(
      events.map(({ sequence }) => sequence),
      events.map((_, n) => n + 1),
    )
    assert.deepEqual(events.slice(0, seen[index]!.length), seen[index], 'streamed text is kept')
    const later = events.slice(seen[index]!.length)
    assert.deepEqual(
      stream.events.filter(({ sequence }) => sequence),
      later,
    )
    const count = (type: string) => typesOf(events).filter((each) => each === type).length
    assert.deepEqual(
      [count('tool.completed'), count('llm.generation'), count('turn.completed')],
      [1, 2, 1],
      'no recorded work is repeated',
    )
    const started = events.filter((event) => event.type === 'output.message.started')
    assert.equal(started.length, 3)
    assert.equal(started[2]!.data.attempt, 2)
    assert.equal(started[2]!.data.message_id, started[1]!.data.message_id)
    assert.equal(replyOf(events), words)
  }
})

test('kill -9 between acceptance and the first model call loses no message', async (t) => {
  const { DATA_DIR, before } = await dataFolder(t)
  const one = await startProcess({ DATA_DIR })
  before(one.crash)
  const client = { ...one, call: insistent(one.call) }
  const sessions = await Promise.all(Array.from({ length: 10 }, () => createSession(client)))
  const answers = sessions.map(({ id }) => post(client, id, 'hello').catch(() => undefined))
  await Promise.race(answers)
  await one.crash()
  const accepted = (await Promise.all(answers)).map((answer) => answer?.status === 201)
  const two = await startProcess({ DATA_DIR })
  before(() => two.stop())
  for (const [index, { id }] of sessions.entries()) {
    if (!accepted[index]) continue
    const stream = await follow(t, two.url, { sessionId: id })
    await stream.event('session.idled')
    assert.match(replyOf(stream.events), /simulated/i)
  }
  assert.ok(accepted.includes(true))
})

test('a turn that ends its process three times fails with a reason', async (t) => {
  const { DATA_DIR, before } = await dataFolder(t)
  const script = scripted({ delay_ms: 60_000, text: 'never' })
  let server = await startProcess({ DATA_DIR })
  const { id } = await createSession(server)
  await post(server, id, script)
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const stream = await follow(t, server.url, { sessionId: id })
    await stream.event('output.message.started', attempt)
    await server.crash()
    server = await startProcess({ DATA_DIR })
  }
  before(() => server.stop())
  const stream = await follow(t, server.url, { sessionId: id })
  await stream.event('session.idled')
  assert.equal(dataOf(stream.events, 'turn.failed').error_code, 'turn_crashed')
  assert.match(replyOf(await converse(t, server, id, 'hello')), /simulated/i)
})

test('SIGTERM: closes streams with a notice, and hands a running turn over to the next start', async (t) => {
  const { DATA_DIR, before } = await dataFolder(t)
  const one = await startProcess({ DATA_DIR, SHUTDOWN_GRACE_MS: '200' })
  before(one.crash)
  const { id } = await createSession(one)
  const stream = await follow(t, one.url, { sessionId: id })
  await post(one, id, scripted({ text: words, tokens_per_second: 20 }))
  await stream.event('output.message.delta', 2)
  assert.equal(await one.stop(), 0)
  await stream.ended
  assert.match(stream.frames.at(-1)!.data!, /"reason":"shutdown"/)
  const two = await startProcess({ DATA_DIR })
  before(() => two.stop())
  const again = await follow(t, two.url, { sessionId: id })
  await again.event('session.idled')
  assert.equal(replyOf(again.events), words)
  assert.equal(again.events.filter(({ type }) => type === 'turn.completed').length, 1)
})

test('a signal also stops a start, and SIGHUP a server: PostgreSQL is not left running', async (t) => {
  const { DATA_DIR, before } = await dataFolder(t)
  const pidFile = path.join(DATA_DIR, 'postgres', 'postmaster.pid')
  const starting = beginProcess({ DATA_DIR })
  before(starting.crash)
  await eventually(async () => existsSync(pidFile))
  starting.child.kill('SIGHUP')
  starting.ready.catch(() => {})
  assert.equal(await starting.exited, 0)
  assert.ok(!existsSync(pidFile))
  const server = await startProcess({ DATA_DIR })
  before(server.crash)
  assert.equal(await server.stop('SIGHUP'), 0)
  assert.ok(!existsSync(pidFile))
})

test('a PostgreSQL killed with -9 is restarted, and the turn continues', async (t) => {
  const { DATA_DIR, before } = await dataFolder(t)
  const server = await startProcess({ DATA_DIR })
  before(() => server.stop())
  const { id } = await createSession(server)
  const stream = await follow(t, server.url, { sessionId: id })
  await post(server, id, scripted({ text: words, tokens_per_second: 40 }))
  await stream.event('output.message.delta', 2)
  const pidFile = await readFile(path.join(DATA_DIR, 'postgres', 'postmaster.pid'), 'utf8')
  process.kill(Number(pidFile.split('\n')[0]), 'SIGKILL')
  for (let status = ''; status !== 'idle'; await sleep(50)) {
    const answer = await server.call('GET', `/v1/sessions/${id}`).catch(() => undefined)
    status = answer?.body.status ?? ''
    if (answer && answer.status !== 200) {
      assert.deepEqual([answer.status, answer.body.code], [503, 'database_unavailable'])
      assert.ok(answer.headers.get('retry-after'))
    }
  }
  const events = await eventsOf(server, id)
  assert.equal(replyOf(events), words)
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, n) => n + 1),
  )
})

test('a start that cannot succeed reports the reason in one line', async (t) => {
  const { DATA_DIR, before } = await dataFolder(t)
  const server = await startProcess({ DATA_DIR })
  before(() => server.stop())
  const port = new URL(server.url).port
  const cases: [Record<string, string>, RegExp][] = [
    [{ DATA_DIR }, /^outlast: Another Outlast server/],
    [{ DATA_DIR: path.join(DATA_DIR, 'other'), PORT: port }, /^outlast: PORT \d+ .* in use/],
    [{ DATA_DIR, PORT: 'x' }, /^outlast: PORT must be/],
    [{ DATA_DIR, HOST: '0.0.0.0' }, /^outlast: HOST 0\.0\.0\.0 .*ALLOW_OPEN_ACCESS/],
    [{ DATA_DIR, AUTH_MODE: 'fully' }, /^outlast: AUTH_MODE must be/],
    [
      { DATABASE_URL: 'postgres://x:y@127.0.0.1:1/none' },
      /^outlast: .*DATABASE_URL.*127\.0\.0\.1:1/,
    ],
    [
      { DATABASE_URL: 'postgres://x:y@127.0.0.1:1/none?sslrootcert=/nope.pem' },
      /^outlast: DATABASE_URL cannot be used: ENOENT.*nope\.pem/,
    ],
    [{ DATABASE_URL: 'postgres://x:y%c3@127.0.0.1:1/none' }, /^outlast: DATABASE_URL cannot be/],
    [
      { DATA_DIR: path.join(DATA_DIR, 'other'), HOST: 'nope.invalid', ALLOW_OPEN_ACCESS: 'true' },
      /^outlast: HOST nope\.invalid cannot be resolved/,
    ],
  ]
  for (const [env, sentence] of cases) {
    const { code, output } = await startFails(env)
    assert.equal(code, 1)
    assert.match(output, sentence)
    assert.equal(output.trim().split('\n').length, 1, output)
    assert.doesNotMatch(output, /x:y/)
  }
  assert.equal((await server.call('GET', '/health')).status, 200)
})
