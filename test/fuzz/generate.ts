/**
 * Requests for an operation of the OpenAPI document: generated from its schemas, then broken in one
 * place. In a request `<session:3>` is replaced by the id of an existing session, `<big:x>` by a
 * megabyte of x.
 */
import fc from 'fast-check'
import { type JsonSchema, jsonOf, type Operation, type Sent } from './client.ts'

const nouns = ['agent', 'session', 'message', 'event', 'provider', 'model', 'turn', 'org']
const hex = '0123456789abcdef'

const text = (min = 0, max = 40) =>
  fc.oneof(
    fc.string({ unit: 'grapheme', minLength: min, maxLength: Math.min(max, min + 20) }),
    fc.string({ unit: 'binary', minLength: min, maxLength: Math.min(max, min + 20) }),
  )

const known = (noun: string) => fc.nat({ max: 999 }).map((pick) => `<${noun}:${pick}>`)

const idOf = (noun: string) =>
  fc.oneof(
    { weight: 6, arbitrary: known(noun) },
    fc
      .string({ unit: fc.constantFrom(...hex), minLength: 32, maxLength: 32 })
      .map((digits) => `${noun}_${digits}`),
  )

const brokenId = fc.oneof(
  known('session').map((id) => `${id}0`),
  fc.constantFrom(...nouns).chain(known),
  fc.constantFrom(...nouns).map((noun) => `${noun}_0193`),
  fc.constantFrom(...nouns).map((noun) => `${noun}_${'A'.repeat(32)}`),
  fc.constantFrom(...nouns).map((noun) => `${noun.toUpperCase()}_${'0'.repeat(32)}`),
  fc.constantFrom(...nouns).map((noun) => `${noun}_${'0'.repeat(32)}\n`),
  fc.constantFrom('', '0', 'null', 'undefined', '*', '-1', '__proto__', 'constructor', '..', '.'),
  text(),
)

/** A value that fits the schema, or nearly so. */
function valueFor(schema: JsonSchema): fc.Arbitrary<unknown> {
  const { type, anyOf, pattern, items, properties, patternProperties } = schema
  const options = schema.enum as unknown[] | undefined
  if (options) return fc.constantFrom(...options)
  if (Array.isArray(anyOf)) return fc.oneof(...(anyOf as JsonSchema[]).map(valueFor))
  if (patternProperties) return fc.dictionary(text(0, 10), fc.jsonValue({ maxDepth: 2 }))
  switch (type) {
    case 'string': {
      const noun = /^\^([a-z]+)_/.exec(String(pattern ?? ''))?.[1]
      return noun ? idOf(noun) : text(schema.minLength as number, schema.maxLength as number)
    }
    case 'integer':
      return fc.oneof(fc.integer({ min: 0, max: 120 }), fc.integer())
    case 'number':
      return fc.double()
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(valueFor(items as JsonSchema), { maxLength: 3 })
    case 'object':
      return objectOf(properties as Record<string, JsonSchema>, (schema.required ?? []) as string[])
    default:
      return fc.jsonValue({ maxDepth: 3 })
  }
}

/** A path from a small set, so that requests find resources of earlier ones. */
const filePath = fc
  .array(fc.constantFrom('a', 'b', 'c.txt', 'é 😀', '.', '_x', '*', '%2e', 'x'.repeat(300)), {
    minLength: 1,
    maxLength: 4,
  })
  .map((names) => `/${names.join('/')}`)

function objectOf(properties: Record<string, JsonSchema> = {}, required: string[]) {
  const fields = Object.fromEntries(
    Object.entries(properties).map(([key, part]) => {
      const value = valueFor(part)
      return [key, /(^|_)path$/.test(key) ? fc.oneof(filePath, value) : value]
    }),
  )
  return fc.record(fields, { requiredKeys: required })
}

const deep = (open: string, close: string) => open.repeat(10_000) + close.repeat(10_000)

/** JSON and near-JSON that replaces a value. */
const oddities = [
  ...['null', 'true', 'false', '0', '-0', '-1', '1.5', '2147483648', '9007199254740993'],
  ...['1e308', '1e999', '-1e-999', '1234567890'.repeat(50), '"7"', '""', '" "', '[]', '{}', '[[]]'],
  ...['"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udc00\\ud800"', '"\\u202e\\ufeff"', '"\ud800"'],
  ...['"<big:x>"', '"<big:é>"', '"<big:\\u0000>"', '["<big:x>"]', '{"<big:x>":1}', '<big:[>'],
  ...['<big:1>', '<big: >1', deep('[', ']'), deep('{"a":', '}').replace(':}', ':1}')],
  ...['1,"name":2', '1,"message":null', 'null,"title":"a","title":"b"', '{"a":1,"a":2}'],
  ...['{"__proto__":{"polluted":true}}', '1,"__proto__":{"name":"x"}', '{"constructor":1}'],
  ...['{"constructor":{"prototype":{"polluted":true}}}', '{"toString":1,"hasOwnProperty":2}'],
  ...['{"\\u0000":1}', '{"\\ud800":1}', '{"":""}', '{"length":1000000}', '{"$ref":"#"}'],
  ...['NaN', 'undefined', "'x'", '01', '+1', '.5', '[1,]', '{,}', '{"a"}', '"', '"\t"', '/**/1'],
  ...['', '"<session:0>"', '"<agent:0>"', '"<model:0>"', '{"type":"text"}', '{"ref":"noop"}'],
]

const hole = '\u{1F573}'

/** Every position in a value, as a list of keys. */
function placesIn(value: unknown, at: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [at]
  const inner = Object.entries(value).flatMap(([key, part]) => placesIn(part, [...at, key]))
  return [at, ...inner]
}

function replaced(value: unknown, [key, ...rest]: string[], by: unknown): unknown {
  if (key === undefined) return by
  if (Array.isArray(value)) {
    return value.map((part, index) => (String(index) === key ? replaced(part, rest, by) : part))
  }
  const fields = Object.entries(value as object)
    .map(([name, part]) => [name, name === key ? replaced(part, rest, by) : part])
    .filter(([, part]) => part !== undefined)
  return Object.fromEntries(fields)
}

/** A body: valid, with an odd value at one position, without one of its fields, or invalid JSON. */
function bodyOf(schema: JsonSchema): fc.Arbitrary<string> {
  const good = valueFor(schema)
  const place = fc.nat({ max: 10_000 })
  const odd = fc.tuple(good, place, fc.constantFrom(...oddities)).map(([value, pick, by]) => {
    const places = placesIn(value)
    return JSON.stringify(replaced(value, places[pick % places.length]!, hole)).replace(
      `"${hole}"`,
      () => by,
    )
  })
  const lacking = fc.tuple(good, place).map(([value, pick]) => {
    const places = placesIn(value).slice(1)
    if (places.length === 0) return '{}'
    return JSON.stringify(replaced(value, places[pick % places.length]!, undefined))
  })
  const cut = fc.tuple(good, place).map(([value, pick]) => {
    const whole = JSON.stringify(value)
    return whole.slice(0, pick % whole.length)
  })
  return fc.oneof(
    { weight: 3, arbitrary: good.map((value) => JSON.stringify(value)) },
    { weight: 8, arbitrary: odd },
    { weight: 2, arbitrary: lacking },
    cut,
    text().map((garbage) => garbage),
    text().map((garbage) => `{}${garbage}`),
  )
}

const percent = (value: string) => encodeURIComponent(value.toWellFormed())

const brokenSegment = fc.oneof(
  brokenId.map((id) => (id.startsWith('<') && id.endsWith('>') ? id : percent(id))),
  fc.constantFrom('%', '%00', '%zz', '%ff', '%c0%af', '%2e%2e', '%2f', '..%2f..', '<big:x>'),
  fc.constantFrom('a'.repeat(5000), ';', "'", '"', '%22%3E', '{agent_id}', ':session_id', '*'),
)

/** An address, mostly with an existing id. */
function pathOf({ path }: Operation): fc.Arbitrary<string> {
  const parts = path.split('/').map((part) => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1]
    if (!name) return fc.constant(part)
    const noun = name === 'id' ? nounOf(path) : name.replace('_id', '')
    if (noun === 'path') {
      const below = filePath.map((value) => value.slice(1).split('/').map(percent).join('/'))
      return fc.oneof({ weight: 5, arbitrary: below }, brokenSegment)
    }
    const segment = noun === 'capability' ? fc.constantFrom('noop', 'test_math') : idOf(noun)
    return fc.oneof({ weight: 5, arbitrary: segment }, brokenSegment)
  })
  return fc.tuple(...parts).map((segments) => segments.join('/'))
}

const places = [
  '',
  'v1',
  'api',
  'docs',
  'docs/scalar.js',
  'docs/json',
  'health',
  'api-doc',
  'swagger-ui',
]

/** An address of the API, or a similar one. */
export function anyPath(operations: Operation[]): fc.Arbitrary<string> {
  const segment = fc.oneof(brokenSegment, fc.constantFrom('agents', 'package.json', 'ready', '..'))
  const strange = fc
    .tuple(fc.constantFrom(...places), fc.array(segment, { maxLength: 3 }))
    .map(([first, rest]) => `/${[first, ...rest].join('/')}`)
  const ours = fc.constantFrom(...operations).chain(pathOf)
  return fc.oneof(
    strange,
    ours,
    ours.map((path) => `/api${path}`),
    ours.map((path) => `${path}/`),
    ours.map((path) => path.toUpperCase()),
  )
}

const nounOf = (path: string) => (path.includes('provider') ? 'provider' : 'model')

const oddValues = [
  ...['', '0', '-1', '1.5', '1e3', '1e999', 'NaN', 'null', 'true', 'TRUE', '[]', '{}', '%00', '%'],
  ...[
    '%ff',
    '%ED%A0%80',
    '2147483648',
    '99999999999999999999',
    "'%20or%201=1--",
    '%25',
    '<session:0>',
  ],
  ...['event_00000000000000000000000000000000', 'event_ffffffffffff7fffbfffffffffffffff', ',', '*'],
  ...['output.message.delta,reason.started', 'a'.repeat(3000), '<event:0>', 'idle', 'manual', '+'],
]

function queryOf({ parameters }: Operation): fc.Arbitrary<string> {
  const names = parameters.filter((one) => one.in === 'query')
  const fitting = names.map(({ name, schema }) =>
    valueFor(schema).map((value) => `${name}=${percent(String(value))}`),
  )
  const oddName = fc.constantFrom('__proto__', 'constructor', 'limit[]', '', '%00', 'org_id', 'a')
  const name = fc.oneof(oddName, ...names.map((one) => fc.constant(one.name)))
  const odd = fc.tuple(name, fc.constantFrom(...oddValues)).map(([key, value]) => `${key}=${value}`)
  const pair = fitting.length > 0 ? fc.oneof(odd, ...fitting) : odd
  const pairs = fc.array(pair, { maxLength: 4 }).map((list) => list.join('&'))
  return fc.oneof(
    { weight: 4, arbitrary: fc.constant('') },
    { weight: 5, arbitrary: pairs.map((list) => `?${list}`) },
    fc.constantFrom('?', '??', '?&&&', '?=', '?#', '?limit', `?${'a=1&'.repeat(1500)}`),
  )
}

type Headers = Record<string, string | string[]>

const oddHeaders: Headers[] = [
  { 'idempotency-key': '' },
  { 'idempotency-key': 'a'.repeat(256) },
  { 'idempotency-key': 'same' },
  { 'idempotency-key': ['one', 'two'] },
  { 'idempotency-key': 'Köln' },
  { 'last-event-id': 'x' },
  { 'last-event-id': '<event:0>' },
  { 'last-event-id': ['a', 'b'] },
  { 'x-request-id': '../../etc' },
  { 'x-request-id': 'mine-1' },
  { accept: 'image/png' },
  { 'accept-encoding': '*;q=0' },
  { authorization: 'Basic Zm9v' },
  { cookie: 'a=b; a=c' },
  { range: 'bytes=5-1' },
  { expect: 'x' },
  { 'content-encoding': 'gzip' },
  { 'x-http-method-override': 'DELETE' },
  { origin: 'null' },
  { origin: 'http://evil.example' },
  { host: 'evil.example' },
  { 'if-none-match': '*' },
]

const json = 'application/json'
const contentTypes = fc.oneof(
  { weight: 12, arbitrary: fc.constant<string | undefined>(json) },
  fc.constantFrom(undefined, '', 'json', 'text/plain', 'application/x-www-form-urlencoded', '/'),
  fc.constantFrom(
    `${json};charset=latin1`,
    `${json}; charset=utf-16`,
    `${json};;=`,
    'APPLICATION/JSON',
  ),
  fc.constantFrom(
    'application/json-seq',
    'application/merge-patch+json',
    'multipart/form-data',
    ';',
  ),
)

/** A request for an operation. */
export function requestOf(operation: Operation): fc.Arbitrary<Sent> {
  const schema = operation.requestBody && jsonOf(operation.requestBody)
  const body = schema
    ? fc.oneof({ weight: 30, arbitrary: bodyOf(schema) }, fc.constant(undefined))
    : fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, fc.constantFrom('{}', 'x', ''))
  const headers = fc.oneof(
    { weight: 4, arbitrary: fc.constant<Headers>({}) },
    fc.constantFrom(...oddHeaders),
    fc.string().map((key) => ({ 'idempotency-key': percent(key) })),
  )
  return fc
    .record({
      path: pathOf(operation),
      query: queryOf(operation),
      body,
      headers,
      type: contentTypes,
    })
    .map(({ path, query, body, headers, type }) => ({
      method: operation.method,
      path: path + query,
      headers: {
        ...headers,
        ...(body !== undefined && type !== undefined && { 'content-type': type }),
      },
      ...(body !== undefined && { body }),
    }))
}
