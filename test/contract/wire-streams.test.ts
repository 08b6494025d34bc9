/** Streams as this API's published clients read them: notice to notice, by the id in the data. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Event } from '@outlast/contract'
import { readConfig } from '../../apps/server/src/config.ts'
import { startModel } from '../../apps/server/test/remotes/written-model.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { eventsOf, post } from '../../apps/server/test/session.ts'
import { framesOf } from '../../apps/server/test/stream.ts'

/** About a second of text, over which a stream is closed several times. */
const wordsMin = 60
const wordMs = 16
const cycleMs = 100
/** The shortest time without data after which a client treats a stream as dead. */
const readTimeoutMs = 45_000

/** Silence of a stream before the notice; slightly less, to allow for clock differences. */
const silentMs = 90

type Notice = { reason: string; retry_ms: number }

/** Events of a session that a client collects over any number of streams. */
type Reader = {
  since?: string
  first: string[]
  events: Event[]
  notices: Notice[]
  gapsMs: number[]
}

/** Reads one stream up to the notice, or to the end of the turn. */
async function readOnce(url: string, reader: Reader): Promise<void> {
  const query = reader.since === undefined ? '' : `?since_id=${reader.since}`
  const headers = { accept: 'text/event-stream', 'cache-control': 'no-cache' }
  const response = await fetch(url + query, { headers })
  let frames = 0
  let latest: Event | undefined
  for await (const { event: name, data } of framesOf(response)) {
    frames += 1
    if (frames === 1) reader.first.push(name!)
    if (name === 'disconnecting') {
      reader.notices.push(JSON.parse(data!) as Notice)
      if (latest) reader.gapsMs.push(Date.now() - Date.parse(latest.ts))
    } else if (name !== undefined && name !== 'connected') {
      latest = JSON.parse(data!) as Event
      reader.since = latest.id
      reader.events.push(latest)
      if (isOver(reader)) return
    }
  }
}

const isOver = ({ events }: Reader) => events.some(({ type }) => type === 'session.idled')

test('a client that resumes after each notice gets every event and all text, once and in order', async (t: TestContext) => {
  const server = await startServer(t, { env: { SSE_CYCLE_MS: String(cycleMs) } })
  const model = await startModel(t)
  const { id } = await model.session(server)
  const reader: Reader = { first: [], events: [], notices: [], gapsMs: [] }
  const reading = (async () => {
    while (!isOver(reader)) await readOnce(`${server.url}/v1/sessions/${id}/sse`, reader)
  })()
  await post(server, id, 'Go on')
  const call = await model.call()
  let words = ''
  for (let count = 1; count <= wordsMin || reader.notices.length < 2; count += 1) {
    call.say(`word${count} `)
    words += `word${count} `
    await sleep(wordMs)
  }
  call.end()
  await reading
  const stored = await eventsOf(server, id)
  const seen = reader.events.filter(({ sequence }) => sequence !== undefined)
  assert.deepEqual(seen, stored)
  const deltas = reader.events.filter((event) => event.type === 'output.message.delta')
  assert.equal(deltas.map(({ data }) => data.delta).join(''), words)
  assert.equal(new Set(reader.events.map((event) => event.id)).size, reader.events.length)
  assert.ok(reader.notices.length > 1, 'the stream was closed in the middle')
  for (const { reason, retry_ms: retryMs } of reader.notices) {
    assert.equal(reason, 'connection_cycle')
    assert.ok(Number.isSafeInteger(retryMs) && retryMs > 0)
  }
  assert.deepEqual([...new Set(reader.first)], ['connected'])
  // One of the clients discards data that arrives in the same read as the notice.
  assert.ok(
    Math.min(...reader.gapsMs) >= silentMs,
    `events right before a notice: ${reader.gapsMs}`,
  )
})

test("no setting makes an idle stream longer than a client's timeout", () => {
  assert.ok(readConfig({}).SSE_HEARTBEAT_MS < readTimeoutMs)
  assert.throws(
    () => readConfig({ SSE_HEARTBEAT_MS: String(readTimeoutMs) }),
    /SSE_HEARTBEAT_MS must be a whole number from 50 to 30000/,
  )
})
