import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { createOutlast } from '@outlast/sdk'
import { readDocument } from '../../../test/document.ts'
import { startServer } from '../../../test/server.ts'
import { eventually } from '../../../test/waiting.ts'
import { catalogue } from '../../errors.ts'
import { tagNames } from '../core/docs.ts'
import { operationDocs } from './texts.ts'

const summaryLengthMax = 60
const textLengthMin = 20

type Described = { description?: string }
type Schema = Described & {
  $ref?: string
  properties?: Record<string, Schema>
  [keyword: string]: unknown
}
type Media = { schema: Schema; example?: unknown; examples?: Record<string, unknown> }
type Response = Described & { $ref?: string; content?: Record<string, Media> }
type Parameter = Described & { name: string; in: string; schema: Schema }
type Operation = Described & {
  operationId: string
  summary: string
  tags: string[]
  parameters: Parameter[]
  requestBody?: { content: Record<string, Media> }
  responses: Record<string, Response>
  'x-codeSamples': { source: string }[]
}
type Document = {
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; responses: Record<string, Response> }
}

const document = JSON.parse(await readDocument()) as Document
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method, path, ...operation })),
)

/** The ids of operations for which `isWrong` holds. */
const wrongOnes = (isWrong: (operation: (typeof operations)[number]) => boolean) =>
  operations.filter(isWrong).map(({ operationId }) => operationId)

const isShort = (text: string | undefined) => (text ?? '').length < textLengthMin

test('every operation has a summary, a description, a tag and a sample', () => {
  assert.ok(operations.length > 100)
  assert.deepEqual(
    wrongOnes(({ summary }) => summary.length > summaryLengthMax || !/^[A-Z].*[^.]$/.test(summary)),
    [],
  )
  assert.deepEqual(
    wrongOnes(({ description }) => isShort(description)),
    [],
  )
  assert.deepEqual(
    wrongOnes(({ tags }) => tags.length !== 1 || !tagNames.some((name) => name === tags[0])),
    [],
  )
  assert.deepEqual(Object.keys(operationDocs).toSorted(), wrongOnes(() => true).toSorted())
})

test('the groups of operations are in order, each with a description and an operation', () => {
  assert.deepEqual(
    document.tags.map(({ name }) => name),
    [...tagNames],
  )
  assert.deepEqual(
    document.tags.filter(({ description }) => isShort(description)),
    [],
  )
  const used = new Set(operations.flatMap(({ tags }) => tags))
  assert.deepEqual(
    tagNames.filter((name) => !used.has(name)),
    [],
  )
})

test('every body of a request and a response has an example', () => {
  const isBare = (media: Record<string, Media> = {}) =>
    Object.values(media).some(({ example }) => example === undefined)
  assert.deepEqual(
    wrongOnes(({ requestBody }) => isBare(requestBody?.content)),
    [],
  )
  const successes = ({ responses }: Operation) =>
    Object.entries(responses).filter(([status]) => Number(status) < 300)
  assert.deepEqual(
    wrongOnes((one) => successes(one).some(([, { content }]) => isBare(content))),
    [],
  )
})

const whole = (response: Response) =>
  response.$ref ? document.components.responses[response.$ref.split('/').at(-1)!]! : response

/** On channels another request under an Idempotency-Key is 422, elsewhere 409. */
const statusOf = (code: keyof typeof catalogue, path: string) =>
  code === 'idempotency_key_reused' && path.startsWith('/v1/channels/') ? 422 : catalogue[code][0]

test('every error status of an operation lists codes of that status', () => {
  for (const { operationId, path, responses } of operations) {
    const errors = Object.entries(responses).filter(([status]) => Number(status) >= 400)
    assert.ok(errors.length > 0, operationId)
    for (const [status, response] of errors) {
      const { examples = {} } = whole(response).content!['application/json']!
      const codes = Object.keys(examples) as (keyof typeof catalogue)[]
      assert.ok(codes.length > 0, `${operationId} ${status} has no code`)
      for (const code of codes) assert.equal(statusOf(code, path), Number(status), operationId)
    }
  }
})

/** The places of properties without a description, below a schema. */
function bareProperties(schema: unknown, place: string): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  return Object.entries(schema).flatMap(([keyword, part]) => {
    if (['example', 'examples', 'default', 'const', 'enum', 'mapping'].includes(keyword)) return []
    if (keyword !== 'properties') return bareProperties(part, place)
    return Object.entries(part as Record<string, Schema>).flatMap(([name, property]) => [
      ...(isDescribed(property) ? [] : [`${place}.${name}`]),
      ...bareProperties(property, `${place}.${name}`),
    ])
  })
}

function isDescribed({ description, $ref }: Schema): boolean {
  if (description) return true
  return (
    $ref !== undefined && Boolean(document.components.schemas[$ref.split('/').at(-1)!]?.description)
  )
}

test('every parameter and every property has a description', (t) => {
  const parameters = operations.flatMap(({ operationId, parameters }) =>
    parameters.filter((one) => !one.description).map(({ name }) => `${operationId} ?${name}`),
  )
  const properties = Object.entries(document.components.schemas).flatMap(([name, schema]) =>
    bareProperties(schema, name),
  )
  const bare = [...parameters, ...properties]
  t.diagnostic(
    `without a description: ${parameters.length} parameters, ${properties.length} properties`,
  )
  assert.deepEqual(bare, [])
})

test('sends the console and the script of the reference only in encodings that are accepted', async (t) => {
  const { url } = await startServer(t)
  for (const path of ['/favicon.svg', '/docs/scalar.js']) {
    for (const [accepted, sent] of [
      ['gzip, br', 'br'],
      ['gzip;q=0.5, BR; q=0.0', 'gzip'],
      ['br;q=0, gzip;q=0', null],
      ['brotli', null],
    ] as const) {
      const response = await fetch(url + path, { headers: { 'accept-encoding': accepted } })
      assert.equal(response.headers.get('content-encoding'), sent, `${path} ${accepted}`)
      await response.body?.cancel()
    }
  }
})

test('closes the file of a script whose download is aborted', async (t) => {
  const server = await startServer(t)
  const open = () =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).includes('scalar.js')
      } catch {
        return false
      }
    }).length
  for (let round = 0; round < 5; round++) {
    const leaving = new AbortController()
    const headers = { 'accept-encoding': 'identity' }
    const response = await fetch(`${server.url}/docs/scalar.js`, {
      headers,
      signal: leaving.signal,
    })
    await response.body!.getReader().read()
    leaving.abort()
  }
  await eventually(async () => open() === 0)
})

test('the samples call the operation that they document', async () => {
  let sent: { method: string; path: string } | undefined
  const outlast = createOutlast({
    url: 'http://outlast.invalid',
    fetch: async (input, init) => {
      sent = { method: String(init?.method), path: new URL(String(input)).pathname }
      return Response.json({ error: 'Recorded.', code: 'recorded' }, { status: 400 })
    },
  })
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor
  for (const { operationId, method, path } of operations) {
    // Clients of other protocols call these.
    if (/^\/v1\/(ai-sdk|ag-ui)\//.test(path)) continue
    sent = undefined
    const { sample } = operationDocs[operationId]!
    const result = await new AsyncFunction(
      'outlast',
      `${sample}\nreturn { url: ${urlIn(sample)} }`,
    )(outlast).catch(() => undefined)
    if (result?.url) sent = { method: 'GET', path: new URL(result.url).pathname }
    assert.equal(sent?.method, method.toUpperCase(), `${operationId}: ${sample}`)
    const template = new RegExp(`^${path.replaceAll('{path}', '.+').replace(/\{\w+\}/g, '[^/]+')}$`)
    assert.match(sent!.path, template, operationId)
  }
})

/** A sample that only makes an address, which a browser then opens. */
const urlIn = (sample: string) => (/^const url = /.test(sample) ? 'url' : 'undefined')
