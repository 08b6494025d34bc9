import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { Type } from 'typebox'
import { ownTools, testCapability, testTool } from '../../../test/processes/own-code.ts'
import { startServer } from '../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  post,
  scripted,
  typesOf,
} from '../../../test/session.ts'
import { eventually } from '../../../test/waiting.ts'
import { type Parse, type Tool, withImages } from '../../capabilities/capability.ts'
import { builtins } from '../../capabilities/index.ts'

/** Accepts a day as text, and returns a Date. Changes the given value, as some libraries do. */
const parseDay: Parse = async (value) => {
  const input = value as { day?: unknown }
  const day = new Date(String(input.day))
  if (Number.isNaN(day.getTime())) return { problems: [{ path: '/day', message: 'must be a day' }] }
  input.day = day
  return { value: input }
}

const input = Type.Object({ day: Type.String() })

async function session(
  t: TestContext,
  tool: Partial<Tool>,
  { env = {}, config = {} }: { env?: Record<string, string>; config?: object } = {},
) {
  const own = testCapability([testTool({ name: 'book', input, ...tool } as never)])
  const server = await startServer(t, {
    capabilities: [...builtins, own],
    env: { LOG_LEVEL: 'silent', ...env },
  })
  const agent = await createAgent(server, { capabilities: [{ ...ownTools[0], config }] })
  return { server, session: await createSession(server, { agent_id: agent.id }) }
}

const book = (day: unknown) =>
  scripted({ tool_calls: [{ name: 'book', arguments: { day } }] }, { text: 'done' })

test('a tool gets the value of its own parser, and the log keeps the arguments of the model', async (t) => {
  const run = ({ day }: { day: Date }) => ({ year: day.getUTCFullYear() })
  const {
    server,
    session: { id },
  } = await session(t, { parse: parseDay, run: run as never })
  const events = await converse(t, server, id, book('2026-11-27'))
  assert.deepEqual(dataOf(events, 'tool.completed').result, [
    { type: 'text', text: '{"year":2026}' },
  ])
  assert.deepEqual(dataOf(events, 'tool.started').tool_call.arguments, { day: '2026-11-27' })
})

test('a parser replaces the schema, and its problems fail the call before an approval', async (t) => {
  let runs = 0
  const run = () => {
    runs += 1
  }
  const config = { requires_approval: true }
  const {
    server,
    session: { id },
  } = await session(t, { parse: parseDay, run }, { config })
  const events = await converse(t, server, id, book('someday'))
  assert.equal(
    dataOf(events, 'tool.completed').error,
    'Invalid arguments for book: day must be a day.',
  )
  assert.ok(!typesOf(events).includes('tool.approval_requested'))
  const numeric = await converse(t, server, id, book({ toString: 1 }))
  assert.equal(dataOf(numeric, 'tool.completed').success, false)
  assert.equal(runs, 0)
})

test('edited arguments of an approval are validated by the parser', async (t) => {
  const config = { requires_approval: true }
  const {
    server,
    session: { id },
  } = await session(t, { parse: parseDay }, { config })
  await post(server, id, book('2026-11-27'))
  const callId = await eventually(async () => {
    const { body } = await server.call('GET', `/v1/sessions/${id}`)
    return body.waiting_for?.tool_call_ids[0]
  })
  const path = `/v1/sessions/${id}/approvals/${callId}`
  const refused = await server.call('POST', path, { decision: 'approve', arguments: { day: 'x' } })
  assert.equal(refused.status, 400)
  assert.match(JSON.stringify(refused.body), /Invalid arguments for book: day must be a day/)
  const approval = { decision: 'approve', arguments: { day: '2026-12-24' } }
  assert.equal((await server.call('POST', path, approval)).status, 200)
})

test('edited arguments that are not validated in time are 503, and are accepted later', async (t) => {
  let isBusy = false
  const parse: Parse = (value) => (isBusy ? new Promise(() => {}) : parseDay(value))
  const config = { requires_approval: true }
  const {
    server,
    session: { id },
  } = await session(t, { parse }, { config })
  await post(server, id, book('2026-11-27'))
  const callId = await eventually(async () => {
    const { body } = await server.call('GET', `/v1/sessions/${id}`)
    return body.waiting_for?.tool_call_ids[0]
  })
  const edited = { decision: 'approve', arguments: { day: '2026-12-24' } }
  const decide = () => server.call('POST', `/v1/sessions/${id}/approvals/${callId}`, edited)
  isBusy = true
  const { status, body } = await decide()
  assert.deepEqual([status, body.code], [503, 'validation_timeout'])
  isBusy = false
  assert.equal((await decide()).status, 200)
})

const broken: [string, Parse, RegExp][] = [
  [
    'throws',
    () => {
      throw new Error('secret')
    },
    /^An internal error occurred/,
  ],
  ['rejects', () => Promise.reject(new Error('secret')), /^An internal error occurred/],
  ['never settles', () => new Promise(() => {}), /did not finish within 300 ms/],
]

for (const [how, parse, sentence] of broken) {
  test(`a parser that ${how} fails the call, and the turn continues`, async (t) => {
    const {
      server,
      session: { id },
    } = await session(t, { parse, limits: { timeoutMs: 300 } })
    const events = await converse(t, server, id, book('2026-11-27'))
    assert.match(dataOf(events, 'tool.completed').error!, sentence)
    assert.ok(typesOf(events).includes('turn.completed'))
    assert.doesNotMatch(JSON.stringify(events), /secret/)
  })

  test(`a parser of results that ${how} fails the call, and the turn continues`, async (t) => {
    const output = { schema: input, parse }
    const {
      server,
      session: { id },
    } = await session(t, { output, limits: { timeoutMs: 300 } })
    const events = await converse(t, server, id, book('2026-11-27'))
    assert.match(dataOf(events, 'tool.completed').error!, sentence)
    assert.ok(typesOf(events).includes('turn.completed'))
  })
}

test('a schema that cannot be compiled fails the call, and the turn continues', async (t) => {
  const {
    server,
    session: { id },
  } = await session(t, { input: Type.Object({ day: Type.String({ pattern: '\\-' }) }) })
  const events = await converse(t, server, id, book('2026-11-27'))
  assert.match(dataOf(events, 'tool.completed').error!, /^An internal error occurred/)
  assert.ok(typesOf(events).includes('turn.completed'))
})

test('cancels a turn whose parser never settles', async (t) => {
  const asked = Promise.withResolvers<void>()
  const parse: Parse = () => {
    asked.resolve()
    return new Promise(() => {})
  }
  const {
    server,
    session: { id },
  } = await session(t, { parse })
  await post(server, id, book('2026-11-27'))
  await asked.promise
  const { body } = await server.call('POST', `/v1/sessions/${id}/cancel`)
  assert.equal(body.status, 'cancelled')
})

test('a result that does not match its schema fails the call, and one that does is parsed', async (t) => {
  const parse: Parse = async (value) =>
    (value as { day: string }).day === 'never'
      ? { problems: [{ path: '/day', message: 'must not be never' }] }
      : { value: { checked: value } }
  const png = { mediaType: 'image/png', base64: 'iVBORw0KGgo=', sizeBytes: 8 }
  const {
    server,
    session: { id },
  } = await session(t, {
    output: { schema: input, parse },
    run: async (given) => withImages(given, [png]),
  })
  const failed = dataOf(await converse(t, server, id, book('never')), 'tool.completed')
  assert.equal(
    failed.error,
    'The tool ran, but its result does not match its schema: day must not be never.',
  )
  const [text, image] = dataOf(await converse(t, server, id, book('now')), 'tool.completed').result!
  assert.deepEqual(text, { type: 'text', text: '{"checked":{"day":"now"}}' })
  assert.equal(image?.type, 'image')
})
