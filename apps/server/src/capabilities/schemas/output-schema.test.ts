import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../../../test/server.ts'
import { createAgent, createSession, eventsOf, post } from '../../../test/session.ts'

const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more })

const nested = (levels: number): object =>
  levels === 0 ? { type: 'string' } : object({ inner: nested(levels - 1) })

const lists = (levels: number): object =>
  levels === 0 ? { type: 'string' } : { type: 'array', items: lists(levels - 1) }

const alternatives = (depth: number): object =>
  depth === 0 ? { type: 'string' } : { anyOf: [alternatives(depth - 1)] }

/** Each definition uses the next one twice: its tree has 2^n parts. */
const doubled = (count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, at) => {
      const next = { $ref: `#/$defs/d${at + 1}` }
      return [`d${at}`, at === count - 1 ? { type: 'string' } : { anyOf: [next, next] }]
    }),
  )

const refused: [title: string, schema: unknown, place: string][] = [
  ['a schema of 1 MB', object({ a: { description: 'x'.repeat(1_000_000) } }), ''],
  ['more than 64 KiB', object({ a: { description: 'x'.repeat(65_536) } }), ''],
  ['a text at its root', { type: 'string' }, '/type'],
  ['a list at its root', { type: 'array', items: {} }, '/type'],
  ['no type at its root', { properties: {} }, '/type'],
  ['alternatives at its root', { anyOf: [object({})] }, '/type'],
  ['six levels', nested(6), ''],
  ['six levels of lists', object({ a: lists(5) }), ''],
  [
    'six levels by references',
    object({ a: { $ref: '#/$defs/a' } }, { $defs: { a: object({ b: nested(4) }) } }),
    '',
  ],
  ['forty levels', nested(40), ''],
  ['alternatives in alternatives', object({ a: alternatives(40) }), ''],
  [
    'a remote reference',
    object({ a: { $ref: 'https://example.com/a.json' } }),
    '/properties/a/$ref',
  ],
  ['a reference to a file', object({ a: { $ref: 'file:///etc/passwd' } }), '/properties/a/$ref'],
  ['a reference to its root', object({ a: { $ref: '#' } }), '/properties/a/$ref'],
  [
    'a missing definition',
    object({ a: { $ref: '#/$defs/b' } }, { $defs: {} }),
    '/properties/a/$ref',
  ],
  [
    'a definition that is inherited',
    object({ a: { $ref: '#/$defs/constructor' } }, { $defs: {} }),
    '/properties/a/$ref',
  ],
  [
    'a definition that refers to itself',
    object({ a: { $ref: '#/$defs/a' } }, { $defs: { a: object({ b: { $ref: '#/$defs/a' } }) } }),
    '',
  ],
  [
    'definitions that refer to each other',
    object(
      {},
      {
        $defs: { a: { anyOf: [{ $ref: '#/$defs/b' }] }, b: { anyOf: [{ $ref: '#/$defs/a' }] } },
      },
    ),
    '',
  ],
  ['a dynamic reference', object({ a: { $dynamicRef: '#a' } }), '/properties/a/$dynamicRef'],
  ['an id inside', object({ a: { $id: 'https://example.com/' } }), '/properties/a/$id'],
  ['an unknown type', object({ a: { type: 'function' } }), '/properties/a/type'],
  ['a part that is no schema', object({ a: 'string' }), '/properties/a'],
  ['properties that are a list', { type: 'object', properties: [] }, '/properties'],
  ['required names that are no texts', object({}, { required: [1] }), '/required'],
  ['an empty list of values', object({ a: { enum: [] } }), '/properties/a/enum'],
  [
    'a limit that is a text',
    object({ a: { minLength: '0) || evil()' } }),
    '/properties/a/minLength',
  ],
  ['an invalid pattern', object({ a: { pattern: '(' } }), '/properties/a/pattern'],
  [
    'an invalid pattern of names',
    object({}, { patternProperties: { '(': {} } }),
    '/patternProperties',
  ],
]

test('output schemas that models or the server cannot use are refused', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  for (const [title, schema, place] of refused) {
    const controls = { output_schema: schema }
    const { status, body } = await post(server, id, 'Hello', { controls })
    assert.deepEqual([status, body.code], [400, 'invalid_output_schema'], title)
    const { path } = body.details[0]
    assert.ok(path.startsWith(`controls/output_schema${place}`), `${title}: ${path}`)
  }
  const list = await post(server, id, 'Hello', { controls: { output_schema: [] } })
  assert.equal(list.status, 400)
  assert.equal((await eventsOf(server, id)).length, 1, 'nothing was stored')
})

test('agents and schedules refuse them too', async (t) => {
  const server = await startServer(t)
  const schema = { type: 'string' }
  const fields = { name: 'Ada', system_prompt: 'You are Ada.', output_schema: schema }
  const made = await server.call('POST', '/v1/agents', fields)
  assert.deepEqual([made.status, made.body.code], [400, 'invalid_output_schema'])
  const { id } = await createAgent(server)
  const changed = await server.call('PATCH', `/v1/agents/${id}`, { output_schema: schema })
  assert.deepEqual([changed.status, changed.body.code], [400, 'invalid_output_schema'])
  const file = `---\nname: Ada\noutput_schema:\n  type: string\n---\n\nYou are Ada.\n`
  const imported = await server.call('POST', '/v1/agents/import', file, {
    'content-type': 'text/markdown',
  })
  assert.deepEqual([imported.status, imported.body.code], [400, 'invalid_output_schema'])
  const session = await createSession(server)
  const input = { session_id: session.id, text: 'Hi', controls: { output_schema: schema } }
  const schedule = await server.call('POST', '/v1/durable/schedules', {
    name: 'daily',
    cron_expression: '0 9 * * *',
    target: { type: 'workflow', name: 'send_message', input },
  })
  assert.deepEqual([schedule.status, schedule.body.code], [400, 'invalid_output_schema'])
})

test('schemas within the limits are accepted', async (t) => {
  const server = await startServer(t)
  const accepted: [title: string, schema: object][] = [
    ['five levels', nested(5)],
    ['a shared definition', object({ a: { $ref: '#/$defs/d0' } }, { $defs: doubled(10) })],
    ['a name with a slash', object({ a: { $ref: '#/$defs/x~1y' } }, { $defs: { 'x/y': {} } })],
    ['names of keywords', object({ type: { type: 'string' }, $ref: { type: 'string' } })],
    [
      'an id and a dialect at its root',
      { $id: 'https://example.com/a', $schema: 'x', ...object({}) },
    ],
  ]
  for (const [title, output_schema] of accepted) {
    const body = { name: 'Ada', system_prompt: 'You are Ada.', output_schema }
    const { status, body: agent } = await server.call('POST', '/v1/agents', body)
    assert.equal(status, 201, `${title}: ${JSON.stringify(agent)}`)
  }
})

test('an agent keeps the order of its properties, also in its file', async (t) => {
  const server = await startServer(t)
  const schema = object({ reason: { type: 'string' }, answer: { type: 'string' } })
  const agent = await createAgent(server, { output_schema: schema })
  const read = await server.call('GET', `/v1/agents/${agent.id}`)
  assert.equal(JSON.stringify(read.body.output_schema), JSON.stringify(schema))
  for (const format of ['markdown', 'yaml', 'json']) {
    const path = `/v1/agents/${agent.id}/export?format=${format}`
    const { body } = await server.call('GET', path)
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const imported = await server.call('POST', '/v1/agents/import', text, {
      'content-type': 'text/plain',
    })
    assert.equal(JSON.stringify(imported.body.output_schema), JSON.stringify(schema), format)
  }
})
