/** A function for `apiKey` that does not settle, for example because a dialog stays open. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createOutlast, isOutlastError } from '../index.ts'

/** A client whose key does not arrive. It reports when the key is requested. */
function waiting() {
  const asked = Promise.withResolvers<void>()
  const key = Promise.withResolvers<string>()
  let sent = 0
  let calls = 0
  const outlast = createOutlast({
    apiKey: () => {
      calls += 1
      asked.resolve()
      return key.promise
    },
    fetch: async () => {
      sent += 1
      return Response.json({})
    },
  })
  return {
    outlast,
    asked: asked.promise,
    arrive: key.resolve,
    sent: () => sent,
    calls: () => calls,
  }
}

const reason = new Error('enough')
const isTimeout = (error: unknown) => isOutlastError(error, 'timeout')

test('an aborted call ends while its key is pending, and sends nothing when it arrives', async () => {
  const { outlast, asked, arrive, sent } = waiting()
  const stopping = new AbortController()
  const call = outlast.health.get({ signal: stopping.signal })
  await asked
  stopping.abort(reason)
  await assert.rejects(call, reason)
  arrive('evr_key')
  await new Promise(setImmediate)
  assert.equal(sent(), 0)
})

test('timeoutMs applies to a pending key, also of an export', async () => {
  const { outlast } = waiting()
  await assert.rejects(outlast.health.get({ timeoutMs: 20, retriesMax: 0 }), isTimeout)
  const exporting = outlast.audit.export({}, { timeoutMs: 20, retriesMax: 0 })
  await assert.rejects(exporting.next(), isTimeout)
})

test('retries await the same key, and the call succeeds when it arrives', async () => {
  const { outlast, arrive, sent, calls } = waiting()
  setTimeout(arrive, 400, 'evr_key')
  await outlast.health.get({ timeoutMs: 20, retriesMax: 10 })
  assert.deepEqual([calls(), sent()], [1, 1])
  await outlast.health.get()
  assert.equal(calls(), 2)
})

test('an aborted stream ends while its key is pending', async () => {
  const { outlast, asked } = waiting()
  const stopping = new AbortController()
  const next = outlast.session('session_1').events({ signal: stopping.signal }).next()
  await asked
  stopping.abort(reason)
  await assert.rejects(next, reason)
})

test('a stream that is left ends while its key is pending', async () => {
  const { outlast, asked } = waiting()
  const events = outlast.session('session_1').events()
  const next = events.next()
  await asked
  await events.return!()
  assert.deepEqual(await next, { done: true, value: undefined })
})

test('silenceMs applies to the pending key of a stream', async () => {
  const { outlast } = waiting()
  const lost = Promise.withResolvers<unknown>()
  const onConnection = ({ error }: { error?: unknown }) => lost.resolve(error)
  const events = outlast.session('session_1').events({ silenceMs: 20, onConnection })
  const next = events.next()
  assert.ok(isTimeout(await lost.promise))
  await events.return!()
  assert.equal((await next).done, true)
})
