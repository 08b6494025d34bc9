import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { Event } from '@outlast/contract'
import { Type } from 'typebox'
import { addBudget, budgetState } from '../../../test/budgets.ts'
import {
  addVendorModel,
  startVendor,
  type VendorAnswer,
  type VendorMessage,
  type VendorRequest,
} from '../../../test/remotes/vendor.ts'
import { type Call, startServer } from '../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  replyOf,
  typesOf,
} from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'
import { defineCapability, defineTool } from '../../capabilities/capability.ts'

const page = (n: number) => `page ${n} begins ${'lorem ipsum '.repeat(300)} page ${n} ends`

/** A tool with long results. */
const library = defineCapability({
  id: 'library',
  name: 'Library',
  description: 'Long pages.',
  category: 'Testing',
  icon: 'book',
  status: 'available',
  tools: () => [
    defineTool({
      name: 'read_page',
      description: 'One page.',
      replay: 'safe',
      input: Type.Object({ page: Type.Integer() }),
      run: ({ page: n }) => page(n),
    }),
  ],
})

const usage = { prompt_tokens: 100, completion_tokens: 10 }
const isSummaryAsked = ({ body }: VendorRequest) =>
  String(body.messages[0]?.content).startsWith('You keep the memory')
const words = (messages: VendorMessage[]) => JSON.stringify(messages)

type StartOptions = {
  tokens: number
  answer: (request: VendorRequest) => VendorAnswer | Promise<VendorAnswer>
  env?: Record<string, string>
}

async function start(t: TestContext, { tokens, answer, env }: StartOptions) {
  const vendor = await startVendor(t, answer)
  const options = {
    capabilities: [library],
    env: { CONTEXT_TOKENS_UNKNOWN: String(tokens), MODEL_ATTEMPTS_MAX: '2', ...env },
  }
  const server = await startServer(t, options)
  const open = () => startServer(t, { ...options, databaseUrl: server.databaseUrl })
  await addVendorModel(server, vendor)
  const agent = await createAgent(server, { capabilities: [{ ref: 'library' }] })
  const session = await createSession(server, { agent_id: agent.id })
  return { server, vendor, session, open }
}

const compacted = (events: Event[]) =>
  events.filter((event) => event.type === 'context.compacted').map(({ data }) => data)

test('shortens old tool results first, without a model, and keeps them whole in the log', async (t) => {
  const { server, vendor, session } = await start(t, {
    tokens: 5_000,
    answer: ({ number }) =>
      number <= 5
        ? { calls: [{ name: 'read_page', arguments: { page: number } }], usage }
        : { text: 'I have read all.', usage },
  })
  const events = await converse(t, server, session.id, 'Read five pages.')
  assert.equal(replyOf(events), 'I have read all.')
  assert.equal(vendor.requests.length, 6)
  const [first] = compacted(events)
  assert.ok(first?.shortened_to && first.summary === undefined)
  assert.ok(first.input_tokens_after < first.input_tokens_before)
  const last = words(vendor.requests.at(-1)!.body.messages)
  assert.match(last, /page 1 begins/)
  assert.match(last, /characters are left out here/)
  assert.match(last, /page 5 ends/)
  assert.ok(
    last.includes(JSON.stringify(page(5)).slice(1, -1).slice(0, 3_000)),
    'the newest is whole',
  )
  assert.ok(!last.includes(page(1).slice(0, 1_000)))
  const called = events.filter((event) => event.type === 'llm.generation')
  assert.ok(called.some(({ data }) => data.metadata.compaction?.compacted))
  const stored = events.filter((event) => event.type === 'tool.completed')
  assert.equal(stored.length, 5)
  for (const [index, { data }] of stored.entries()) {
    assert.ok(JSON.stringify(data.result).includes(page(index + 1)), 'the log has all of it')
  }
})

test('a summary replaces the start of a conversation that is too long, on every node', async (t) => {
  const { server, vendor, session, open } = await start(t, {
    tokens: 2_000,
    answer: (request) =>
      isSummaryAsked(request)
        ? { text: 'The user is called Grace and counts messages.', usage }
        : { text: `Reply ${request.number}.`, usage },
  })
  const long = (n: number) => `Message ${n}: ${'word '.repeat(300)}`
  let events: Event[] = []
  for (let n = 1; n <= 6; n += 1) events = await converse(t, server, session.id, long(n))
  const all = await eventsOf(server, session.id)
  const [first] = compacted(all)
  assert.match(first!.summary!, /called Grace/)
  const at = typesOf(all).indexOf('context.compacting')
  assert.deepEqual(typesOf(all).slice(at - 1, at + 3), [
    'reason.started',
    'context.compacting',
    'context.compacted',
    'output.message.started',
  ])
  const last = vendor.requests.at(-1)!.body.messages
  assert.match(String(last[1]!.content), /^A summary of the conversation.*called Grace/s)
  assert.doesNotMatch(words(last), /Message 1:/)
  assert.match(words(last), /Message 6:/)

  const { data: listed } = (await server.call('GET', `/v1/sessions/${session.id}/messages`)).body
  assert.equal(listed.length, 12, 'people still see every message')
  const summaries = vendor.requests.filter(isSummaryAsked).length
  const { usage: total } = dataOf(events, 'session.idled')
  assert.equal(total?.input_tokens, (6 + summaries) * 100, 'what summaries cost is counted')

  const shown = await eventsOf(server, session.id, '?expand=messages&types=llm.generation')
  const { messages } = dataOf(shown.slice(-1), 'llm.generation')
  assert.match(JSON.stringify(messages[1]), /called Grace/)
  assert.equal(messages.length, last.length, 'what is shown is what the model got')

  const other = await open()
  await converse(t, other, session.id, 'And on another node?')
  const there = words(vendor.requests.filter((one) => !isSummaryAsked(one)).at(-1)!.body.messages)
  assert.match(there, /called Grace/)
  assert.doesNotMatch(there, /Message 1:/)
  await other.stop()
})

test('retries a request once with a shorter prompt when the provider finds it too long', async (t) => {
  const tooLong = {
    status: 400,
    body: JSON.stringify({
      error: {
        message: "This model's maximum context length is 1000 tokens.",
        code: 'context_length_exceeded',
      },
    }),
  }
  const { server, vendor, session } = await start(t, {
    tokens: 100_000,
    answer: (request) => {
      if (isSummaryAsked(request)) return { text: 'Notes.', usage }
      return words(request.body.messages).length > 6_000 ? tooLong : { text: 'Well.', usage }
    },
  })
  for (let n = 1; n <= 2; n += 1) await converse(t, server, session.id, 'word '.repeat(400))
  const events = await converse(t, server, session.id, 'word '.repeat(600))
  assert.equal(replyOf(events), 'Well.')
  const { metadata } = dataOf(events, 'llm.generation')
  assert.deepEqual(metadata.retry?.error_codes, ['llm_too_long'])
  assert.equal(metadata.compaction?.compacted, true)
  assert.ok(dataOf(events, 'context.compacted').summary)
  const asked = vendor.requests.slice(2).map(isSummaryAsked)
  assert.deepEqual([asked.at(0), asked.at(1), asked.at(-1)], [false, true, false])
  assert.equal(asked.filter((isSummary) => !isSummary).length, 2)
})

test('a message that is too long for the model fails the turn with a reason', async (t) => {
  const { server, vendor, session } = await start(t, {
    tokens: 1_000,
    answer: () => ({ status: 413, body: '{"error":{"message":"Request too large"}}' }),
  })
  const events = await converse(t, server, session.id, 'word '.repeat(5_000))
  assert.equal(vendor.requests.length, 1)
  const { error, error_code } = dataOf(events, 'turn.failed')
  assert.equal(error_code, 'llm_too_long')
  assert.match(error, /exceeds the model's context window/)
  assert.equal(replyOf(events), error)
})

test('a session with a message that was too long continues with a summary of its ends', async (t) => {
  const { server, vendor, session } = await start(t, {
    tokens: 2_000,
    answer(request) {
      if (words(request.body.messages).length > 12_000) {
        return { status: 413, body: '{"error":{"message":"Request too large"}}' }
      }
      return { text: isSummaryAsked(request) ? 'Notes.' : 'Well.', usage }
    },
  })
  assert.equal(replyOf(await converse(t, server, session.id, 'Hello')), 'Well.')
  const book = `It begins. ${'word '.repeat(10_000)} It ends.`
  const failed = await converse(t, server, session.id, book)
  assert.equal(dataOf(failed, 'turn.failed').error_code, 'llm_too_long')
  for (const text of ['Are you there?', 'And now?']) {
    assert.equal(replyOf(await converse(t, server, session.id, text)), 'Well.')
  }
  const asked = vendor.requests.filter(isSummaryAsked).map(({ body }) => words(body.messages))
  assert.equal(asked.length, 1)
  assert.match(asked[0]!, /It begins\..*characters are left out here.*It ends\./)
  assert.equal(compacted(await eventsOf(server, session.id)).length, 1)
})

test('a failed summary fails the turn, and the next turn summarizes again', async (t) => {
  let isOut = true
  const { server, session } = await start(t, {
    tokens: 2_000,
    answer: (request) => {
      if (!isSummaryAsked(request)) return { text: 'Yes.', usage }
      return isOut ? { status: 401, body: '{"error":{"message":"no"}}' } : { text: 'Notes.', usage }
    },
  })
  const long = 'word '.repeat(500)
  await converse(t, server, session.id, long)
  await converse(t, server, session.id, long)
  const failed = await converse(t, server, session.id, long)
  assert.equal(dataOf(failed, 'turn.failed').error_code, 'llm_bad_key')
  assert.deepEqual(compacted(failed), [])
  isOut = false
  const events = await converse(t, server, session.id, 'Again, please.')
  assert.equal(compacted(events).length, 1)
  assert.equal(replyOf(events), 'Yes.')
})

test('a summary that stays cut off is no reply, and its usage counts apart from the call', async (t) => {
  const { server, vendor, session } = await start(t, {
    tokens: 2_000,
    answer: (request) =>
      isSummaryAsked(request)
        ? { text: 'The user is ca', finish: 'length', usage }
        : { text: 'Yes.', usage },
  })
  const long = 'word '.repeat(500)
  await converse(t, server, session.id, long)
  await converse(t, server, session.id, long)
  const events = await converse(t, server, session.id, long)
  const { error, error_code, usage: ofTurn } = dataOf(events, 'turn.failed')
  assert.equal(error_code, 'llm_bad_response')
  assert.equal(replyOf(events), error)
  const { metadata } = dataOf(events, 'llm.generation')
  assert.equal(metadata.usage, undefined)
  assert.equal(metadata.time_to_first_token_ms, undefined)
  const ofSummaries = { input_tokens: 200, output_tokens: 20 }
  assert.deepEqual([metadata.retry?.usage, ofTurn], [ofSummaries, ofSummaries])
  await expectUsage(server, session.id, vendor.requests.length)
})

test('usage of a summary that is repeated counts in the turn, the session, reports and metrics', async (t) => {
  let summaries = 0
  const { server, vendor, session } = await start(t, {
    tokens: 2_000,
    answer: (request) => {
      if (!isSummaryAsked(request)) return { text: 'Yes.', usage }
      summaries += 1
      return { text: summaries === 1 ? ' ' : 'Notes.', usage }
    },
  })
  const budget = await addBudget(server, { limit: 1_000_000 })
  const long = 'word '.repeat(500)
  await converse(t, server, session.id, long)
  await converse(t, server, session.id, long)
  const events = await converse(t, server, session.id, long)
  assert.equal(replyOf(events), 'Yes.')
  assert.equal(dataOf(events, 'context.compacted').usage?.input_tokens, 200)
  assert.equal(dataOf(events, 'turn.completed').usage?.input_tokens, 300)
  assert.equal(vendor.requests.length, 5)
  await expectUsage(server, session.id, 5)
  assert.equal((await budgetState(server, budget)).used, 5 * 110)
})

test('usage of a dropped summary is in the turn when a budget refuses its retry', async (t) => {
  let exhaust = async () => {}
  const { server, session } = await start(t, {
    tokens: 2_000,
    answer: async (request) => {
      if (!isSummaryAsked(request)) return { text: 'Yes.', usage }
      await exhaust()
      return { text: ' ', usage }
    },
  })
  exhaust = async () => void (await addBudget(server, { limit: 10, on_exhausted: 'fail' }))
  const long = 'word '.repeat(500)
  await converse(t, server, session.id, long)
  await converse(t, server, session.id, long)
  const events = await converse(t, server, session.id, long)
  const { error_code, usage: ofTurn } = dataOf(events, 'turn.failed')
  assert.equal(error_code, 'budget_exhausted')
  const ofSummary = { input_tokens: 100, output_tokens: 10 }
  const { retry } = dataOf(events, 'llm.generation').metadata
  assert.deepEqual([retry?.attempts, retry?.usage, ofTurn], [0, ofSummary, ofSummary])
  await expectUsage(server, session.id, 3)
})

test('usage of a dropped summary counts once, also if its node stops before the retry', async (t) => {
  const { promise: stopped, resolve: proceed } = Promise.withResolvers<void>()
  let summaries = 0
  const { server, session, open } = await start(t, {
    tokens: 2_000,
    env: { MODEL_ATTEMPTS_MAX: '4', SHUTDOWN_GRACE_MS: '0' },
    answer: async (request) => {
      if (!isSummaryAsked(request)) return { text: 'Yes.', usage }
      summaries += 1
      if (summaries <= 3) return { text: ' ', usage }
      await stopped
      return { text: 'Notes.', usage }
    },
  })
  const long = 'word '.repeat(500)
  await converse(t, server, session.id, long)
  await converse(t, server, session.id, long)
  await post(server, session.id, long)
  // The third pause, of at least a second.
  await eventually(async () => (await countedTokens(server)) === 500)
  await server.stop()
  proceed()
  const other = await open()
  await eventually(async () => (await eventsOf(other, session.id, '?types=turn.completed'))[2])
  await expectUsage(other, session.id, 7, 2)
})

async function countedTokens({ call }: { call: Call }) {
  const metrics = String((await call('GET', '/metrics')).body)
  return Number(/^outlast_tokens_total{.*kind="input"} (\d+)$/m.exec(metrics)?.[1])
}

/** Expects that sums have the reported usage of each call, and metrics those of this node. */
async function expectUsage(
  server: { call: Call },
  sessionId: string,
  calls: number,
  callsHere = calls,
) {
  const { call } = server
  const sums = { input_tokens: 100 * calls, output_tokens: 10 * calls }
  const { body: session } = await call('GET', `/v1/sessions/${sessionId}`)
  assert.deepEqual(session.usage, sums)
  const { model_calls, input_tokens, output_tokens } = (await call('GET', '/v1/usage')).body.sum
  assert.deepEqual([model_calls, { input_tokens, output_tokens }], [calls, sums])
  assert.equal(await countedTokens(server), 100 * callsHere)
}
