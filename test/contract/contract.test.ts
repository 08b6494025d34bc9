/**
 * Our API is a superset of the public v1 API that clients of agent platforms use. `facts.json` is
 * our copy of that API's facts: names, types, required fields, statuses.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { eventData } from '@outlast/contract'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import facts from './facts.json' with { type: 'json' }
import { type Fact, type Facts, type JsonSchema, misfits, shapeOf, shapeOfFact } from './shape.ts'

/** Operations that are not built yet. The list only shrinks. */
const notYetBuilt: string[] = []

/** Differences and their reasons. The test fails for an entry that is no longer needed. */
const differences: Record<string, string> = {
  'create_message: body.message.role': 'only turns write messages of `system` and `tool_result`',
  'create_message: answer.thinking': 'a posted message has none',
  'create_message: answer.thinking_signature': 'the same',
  'output.message.delta: data.accumulated': 'left out when asked with `?accumulated=false`',
  'reason.thinking.delta: data.accumulated': 'the same',
  'list_events: answer.data[].data.accumulated': 'the same; and deltas are not listed',
  'list_events: answer.data[].data.model': 'event types of our own have none',
  'list_events: answer.data[].data.message': 'the same',
  'list_providers: answer.data[].provider_type':
    'two more types; every new database has a provider of one of them',
  'create_provider: answer.provider_type': 'the same',
  'get_provider: answer.provider_type': 'the same',
  'update_provider: answer.provider_type': 'the same',
  'list_all_models: answer.data[].provider_type': 'the same',
  'get_model: answer.provider_type': 'the same',
  'list_schedules: ?limit': 'a page has at least one item',
  'list_schedule_executions: ?limit': 'the same',
  'list_schedules: ?target_type': 'a mistyped filter returns 400',
  'list_schedule_executions: ?status': 'the same',
}

/** Responses that the contract describes in words only (a file or a list): see the file tests. */
const undescribed = ['get_root', 'get_path']

/** Event types that clients of the contract ignore, as they ignore all unknown types. */
const ownEvents = [
  'capability.unavailable',
  'context.compacting',
  'context.compacted',
  'files.changed',
  'mcp.unavailable',
  'tool.progress',
  'budget.warning',
  'budget.exhausted',
  'budget.paused',
  'budget.resumed',
  'tool.input.delta',
  'tool.approval_requested',
  'tool.approval_resolved',
  'tool.call_requested',
  'tool.input_resolved',
  'feedback.given',
]

type Operation = {
  id: string
  query?: Record<string, Fact>
  body?: Fact
  status: number
  answer?: string
  errors: number[]
}

type Content = { content?: Record<string, { schema: JsonSchema }>; $ref?: string }
type Served = {
  operationId: string
  parameters: { name: string; in: string; required: boolean; schema: JsonSchema }[]
  requestBody?: Content & { required?: boolean }
  responses: Record<string, Content>
}
type Document = {
  paths: Record<string, Record<string, Served>>
  components: { schemas: Record<string, JsonSchema>; responses: Record<string, Content> }
}

const operations = Object.entries(facts.operations as unknown as Record<string, Operation>)
const schemas = facts.schemas as unknown as Facts
const used = new Set<string>()
let document: Document

/** Names of path parameters may differ. */
const plain = (path: string) => path.replace(/\{\w+\}/g, '{}')

function servedAt(route: string): Served | undefined {
  const [method, path] = route.split(' ') as [string, string]
  const found = Object.entries(document.paths).find(([known]) => plain(known) === plain(path))
  return found?.[1][method.toLowerCase()]
}

/** Fails with all differences except the intended ones. */
function assertFits(name: string, found: { path: string; why: string }[]) {
  const lines = found
    .map(({ path, why }) => ({ key: `${name}: ${path}`, why }))
    .filter(({ key }) => {
      const meant = key in differences
      if (meant) used.add(key)
      return !meant
    })
    .map(({ key, why }) => `${key} ${why}`)
  assert.deepEqual(lines, [])
}

beforeAll(async (t) => {
  const { call } = await startServer(t as TestContext)
  const { status, body } = await call('GET', '/api-doc/openapi.json')
  assert.equal(status, 200)
  document = body
})

test('operations that are not yet built are not served', () => {
  const ids = operations.map(([, { id }]) => id)
  assert.deepEqual(
    notYetBuilt.filter((id) => !ids.includes(id)),
    [],
    'the contract does not have these',
  )
  const built = operations.filter(([route]) => servedAt(route)).map(([, { id }]) => id)
  assert.deepEqual(
    notYetBuilt.filter((id) => built.includes(id)),
    [],
    'remove these from the list',
  )
})

for (const [route, operation] of operations) {
  if (notYetBuilt.includes(operation.id)) continue

  test(`${route} is served as clients expect it`, () => {
    const served = servedAt(route)
    assert.ok(served, `${route} is not served`)
    assert.equal(served.operationId, operation.id)
    const statuses = [operation.status, ...operation.errors].map(String)
    assert.deepEqual(
      statuses.filter((status) => !(status in served.responses)),
      [],
      'statuses that our document leaves out',
    )
    checkQuery(operation, served)
    checkBody(operation, served)
    checkAnswer(operation, served)
  })
}

const ours = (schema: JsonSchema) => shapeOf(schema, document.components.schemas)

function checkQuery({ id, query = {} }: Operation, { parameters }: Served) {
  for (const [name, fact] of Object.entries(query)) {
    const parameter = parameters.find((one) => one.in === 'query' && one.name === name)
    assert.ok(parameter, `${id} takes no ?${name}`)
    const found = misfits(shapeOfFact(fact, schemas), ours(parameter.schema), 'inner', `?${name}`)
    assertFits(id, found)
  }
  const demanded = parameters.filter((one) => one.in !== 'path' && one.required)
  assert.deepEqual(
    demanded.map(({ name }) => name),
    [],
  )
}

function checkBody({ id, body }: Operation, { requestBody }: Served) {
  const schema = requestBody?.content?.['application/json']?.schema
  if (typeof body === 'string' && body.includes('/')) {
    return assert.ok(requestBody?.content?.[body], `${id} should take ${body}`)
  }
  if (body === undefined) {
    return assert.ok(!schema || !requestBody!.required, `${id} should need no body`)
  }
  assert.ok(schema, `${id} accepts no JSON`)
  assertFits(id, misfits(shapeOfFact(body, schemas), ours(schema), 'inner', 'body'))
}

function checkAnswer({ id, status, answer }: Operation, { responses }: Served) {
  const content = responses[status]!.content ?? {}
  if (undescribed.includes(id)) return assert.notDeepEqual(content, {}, `${id} answers something`)
  if (answer === undefined)
    return assert.deepEqual(content, {}, `${id} should have an empty response`)
  if (answer.includes('/')) return assert.ok(answer in content, `${id} should answer ${answer}`)
  const schema = content['application/json']?.schema
  assert.ok(schema, `${id} has no JSON response`)
  assertFits(id, misfits(ours(schema), shapeOfFact(answer, schemas), 'outer', 'answer'))
}

test('every event type has the data that clients expect', () => {
  const known = eventData as unknown as Record<string, JsonSchema>
  assert.deepEqual(Object.keys(known).sort(), [...Object.keys(facts.events), ...ownEvents].sort())
  for (const [type, name] of Object.entries(facts.events)) {
    assertFits(type, misfits(shapeOf(known[type]!), shapeOfFact(name, schemas), 'outer', 'data'))
  }
})

/** The response that a reference names. */
const wholeResponse = (response: Content) =>
  response.$ref ? document.components.responses[response.$ref.split('/').at(-1)!]! : response

test('every error has the body that clients expect', () => {
  const expected = shapeOfFact('ErrorResponse', schemas)
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, { responses }] of Object.entries(methods)) {
      for (const [status, response] of Object.entries(responses)) {
        if (Number(status) < 400 || path.startsWith('/health')) continue
        const { content } = wholeResponse(response)
        const schema = content?.['application/json']?.schema
        assert.ok(schema, `${method} ${path} ${status} has no JSON body`)
        assertFits(`${method} ${path}`, misfits(ours(schema), expected, 'outer', status))
      }
    }
  }
})

test('every listed difference still exists', () => {
  assert.deepEqual(
    Object.keys(differences).filter((key) => !used.has(key)),
    [],
  )
})
