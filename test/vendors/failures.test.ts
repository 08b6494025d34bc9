import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Event } from '@outlast/contract'
import { sendJson, startAnyVendor } from '../../apps/server/test/remotes/any-vendor.ts'
import { dataOf, replyOf } from '../../apps/server/test/session.ts'
import { reach, startAimock } from './aimock.ts'
import { talkToPlayer } from './recorded.ts'
import {
  addModel,
  everythingOf,
  repliesIn,
  secretKey,
  serverOfFile,
  type Talk,
  talkTo,
} from './talk.ts'
import { type WireType, wireTypes } from './wires/index.ts'

const mock = startAimock()
const server = serverOfFile({ MODEL_ATTEMPTS_MAX: '2', LOG_LEVEL: 'silent' })
const content = 'Here I am again, and whole.'

/** A message of one test alone, so that tests can run side by side. */
const sayingOf = (type: WireType, what: string) => `(${type}) meets ${what}.`

const startTalk = async (type: WireType) =>
  talkTo(server(), await addModel(server(), type, reach(mock, type)()))

async function expectSecret(talk: Talk, events: Event[]) {
  const told = JSON.stringify(events) + (await everythingOf(server(), talk))
  assert.ok(!told.includes(secretKey), 'the key is not shown')
}

/** Two requests for one message; the second reply counts. */
function expectRetry(events: Event[], code: string) {
  assert.equal(replyOf(events), content)
  const { metadata } = dataOf(events, 'llm.generation')
  assert.deepEqual(metadata.retry?.error_codes, [code])
  assert.equal(metadata.retry!.attempts, 1)
  assert.equal(metadata.success, true)
  const started = events.filter((event) => event.type === 'output.message.started')
  assert.equal(new Set(started.map(({ data }) => data.message_id)).size, 1)
  assert.deepEqual(
    started.map(({ data }) => data.attempt),
    [undefined, 2],
  )
  assert.equal(repliesIn(events).length, 1)
  assert.ok(dataOf(events, 'turn.completed'))
}

function expectFailure(events: Event[], code: string) {
  const { error, error_code } = dataOf(events, 'turn.failed')
  assert.equal(error_code, code)
  const { metadata } = dataOf(events, 'llm.generation')
  assert.equal(metadata.error_code, code)
  assert.deepEqual(metadata.finish_reasons, ['error'])
  assert.equal(dataOf(events, 'reason.completed').error, error)
}

/** Errors of vendors and servers for a conversation that is too long. */
const tooLong: [status: number, message: string][] = [
  [400, 'input length and `max_tokens` exceed context limit: 178959 + 64000 > 200000'],
  [400, 'the request exceeds the available context size, try increasing it'],
  [500, 'the request exceeds the available context size, try increasing it'],
  [200, 'request (5000 tokens) exceeds the available context size (4096 tokens)'],
  [400, "This model's maximum prompt length is 131072 but the request contains 200000 tokens."],
  [422, 'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000'],
  [400, 'The decoder prompt (length 5000) is longer than the maximum model length of 4096.'],
]

test('errors of a conversation that is too long, and of a rate limit in tokens', async (t) => {
  let error: [status: number, message: string] = tooLong[0]!
  const { url } = await startAnyVendor(t, (_, response) => {
    const [status, message] = error
    sendJson(response, { error: { message } }, status)
  })
  const about = { base_url: url, model_id: 'some-model' }
  const { say } = await talkTo(server(), await addModel(server(), 'openai_completions', about))
  for (error of tooLong) expectFailure((await say('Hello')).events, 'llm_too_long')
  error = [400, 'Too many tokens, please wait before trying again.']
  expectFailure((await say('Hello')).events, 'llm_rate_limited')
})

for (const type of wireTypes) {
  describe(`failures of ${type}`, { concurrency: true }, () => {
    test('too many requests: retries after the time in the response, and not before', async () => {
      const userMessage = sayingOf(type, 'a queue')
      const times: number[] = []
      mock.on({ userMessage }, () => {
        times.push(performance.now())
        if (times.length > 1) return { content }
        return {
          error: { message: 'Slow down.', type: 'rate_limit_error' },
          status: 429,
          retryAfter: 2,
        }
      })
      const talk = await startTalk(type)
      const { events } = await talk.say(userMessage)
      expectRetry(events, 'llm_rate_limited')
      assert.ok(times[1]! - times[0]! >= 1_990, 'not before Retry-After')
      assert.ok(dataOf(events, 'llm.generation').metadata.retry!.total_wait_ms >= 2_000)
    })

    test('a server that fails once', async () => {
      const userMessage = sayingOf(type, 'a broken server')
      let asked = 0
      mock.on({ userMessage }, () => {
        asked += 1
        return asked > 1 ? { content } : { error: { message: 'Oh no.' }, status: 500 }
      })
      const talk = await startTalk(type)
      const { events } = await talk.say(userMessage)
      expectRetry(events, 'llm_overloaded')
      await expectSecret(talk, events)
    })

    test('a server that keeps failing', async () => {
      const userMessage = sayingOf(type, 'a ruin')
      mock.on({ userMessage }, { content }, { chaos: { dropRate: 1 } })
      const { events } = await (await startTalk(type)).say(userMessage)
      expectFailure(events, 'llm_overloaded')
    })

    test('a response that is not valid', async () => {
      const userMessage = sayingOf(type, 'nonsense')
      mock.on({ userMessage }, { content }, { chaos: { malformedRate: 1 } })
      const talk = await startTalk(type)
      const { events } = await talk.say(userMessage)
      expectFailure(events, 'llm_bad_response')
      await expectSecret(talk, events)
    })

    test('a connection that closes at once', async () => {
      const userMessage = sayingOf(type, 'silence')
      mock.on({ userMessage }, { content }, { chaos: { disconnectRate: 1 } })
      const { events } = await (await startTalk(type)).say(userMessage)
      expectFailure(events, 'llm_network')
    })

    test('a reply that breaks off: retried as the same message, and no text is duplicated', async () => {
      const userMessage = sayingOf(type, 'scissors')
      const cut = { truncateAfterChunks: 4, chunkSize: 5, latency: 5 }
      mock.on({ userMessage, sequenceIndex: 0 }, { content: 'Here I am, for a wh' }, cut)
      mock.on({ userMessage }, { content })
      const { events } = await (await startTalk(type)).say(userMessage)
      expectRetry(events, 'llm_broken_stream')
      const again = events.findLastIndex((event) => event.type === 'output.message.started')
      const deltas = events
        .slice(again)
        .flatMap((event) => (event.type === 'output.message.delta' ? [event.data.delta] : []))
      assert.ok(content.startsWith(deltas.join('')), deltas.join(''))
    })

    test('a reply that ends in the middle without an error', async (t) => {
      const pieces = [{ text: 'Here I am, for a while, and then suddenly no more of me at all.' }]
      const takes = [{ pieces, endsEarly: true as const }, { pieces: [{ text: content }] }]
      const { say } = await talkToPlayer(t, server(), { type, takes })
      expectRetry((await say('Hello')).events, 'llm_broken_stream')
    })
  })
}
