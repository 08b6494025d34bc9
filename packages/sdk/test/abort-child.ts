/**
 * Abandons streams and turns at many points and must then end by itself, as a child process of
 * `processes.test.ts`. Arguments: the address of a server, one that accepts connections and stays
 * silent, one that refuses connections, and a session id.
 */
import assert from 'node:assert/strict'
import { createOutlast, type Event } from '../src/index.ts'

const [url, silent, nobody, sessionId] = process.argv.slice(2) as [string, string, string, string]
const reason = new Error('enough')
const eventsOf = (at: string, signal: AbortSignal) =>
  createOutlast({ url: at }).session(sessionId).events({ signal })

async function read(events: AsyncIterable<Event>, onEvent: (event: Event) => unknown = () => {}) {
  for await (const event of events) onEvent(event)
}

const moments: Record<string, (stop: AbortController) => Promise<unknown>> = {
  async before(stop) {
    stop.abort(reason)
    await assert.rejects(read(eventsOf(url, stop.signal)), reason)
  },
  async 'while it connects'(stop) {
    setTimeout(() => stop.abort(reason), 50)
    await assert.rejects(read(eventsOf(silent, stop.signal)), reason)
  },
  async 'while it waits to try again'(stop) {
    setTimeout(() => stop.abort(reason), 150)
    await assert.rejects(read(eventsOf(nobody, stop.signal)), reason)
  },
  async 'while it reads'(stop) {
    const idled = ({ type }: Event) => {
      if (type === 'session.idled') setTimeout(() => stop.abort(reason), 50)
    }
    await assert.rejects(read(eventsOf(url, stop.signal), idled), reason)
  },
  async 'in the middle of what has come'(stop) {
    let count = 0
    const abort = () => {
      count += 1
      stop.abort(reason)
    }
    await assert.rejects(read(eventsOf(url, stop.signal), abort), reason)
    assert.equal(count, 1)
  },
  async 'without reading on'(stop) {
    await eventsOf(url, stop.signal)[Symbol.asyncIterator]().next()
    stop.abort(reason)
  },
  async 'by break'(stop) {
    for await (const _ of eventsOf(url, stop.signal)) break
  },
  async 'by return while the next is awaited'(stop) {
    const events = eventsOf(url, stop.signal)
    const next = async () => (await events.next()).value?.type
    while ((await next()) !== 'session.idled');
    const pending = events.next()
    await events.return!()
    assert.equal((await pending).done, true)
  },
  async 'of a turn'(stop) {
    const turn = createOutlast({ url }).session(sessionId).resume({ signal: stop.signal })
    for await (const _ of turn) break
    await turn
    stop.abort(reason)
  },
}

for (const [moment, leave] of Object.entries(moments)) {
  await leave(new AbortController())
  process.stdout.write(`${moment}\n`)
}
await new Promise(setImmediate)
const left = process.getActiveResourcesInfo().filter((what) => /Timeout|Immediate/.test(what))
process.stdout.write(`left: ${left.join()}\n`)
