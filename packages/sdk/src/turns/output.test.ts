import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Type } from 'typebox'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { says, startClient } from '../../test/session.ts'
import { clientTool, isOutlastError, type StandardSchemaV1, TurnFailedError } from '../index.ts'

let client: Awaited<ReturnType<typeof startClient>>

beforeAll(async (t) => {
  client = await startClient(t as TestContext)
})

const value = { total: 12.5, currency: 'EUR' }
const answer = says({ output: value })
const currencies = ['EUR', 'USD'] as const

/** Compiles only if both types are the same. */
function isType<Wanted>() {
  return <Given>(given: Given & ([Wanted, Given] extends [Given, Wanted] ? unknown : never)) =>
    given
}

const invoice = {
  type: 'object',
  properties: { total: { type: 'number' }, currency: { enum: currencies } },
  required: ['total', 'currency'],
}

type Problem = { message: string; path: PropertyKey[] }

/** A schema in the form of a schema library. */
const standard = <Output>(
  validate: (value: { total: number }) => { value: Output } | { issues: Problem[] },
  json: Record<string, unknown> = invoice,
) => ({
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: (value: unknown) => validate(value as { total: number }),
    types: undefined as { input: unknown; output: Output } | undefined,
    jsonSchema: { input: () => json },
  },
})

test('a schema of a library types the output, and the library parses it', async () => {
  const session = await client.start()
  const schema = standard(({ total }) => ({ value: { words: `${total} in words` } }))
  const { output } = await session.send(answer, { output: schema })
  isType<{ words: string }>()(output)
  assert.deepEqual(output, { words: '12.5 in words' })
  const { data } = await client.outlast.messages.list(session.id)
  const sent = data[0]!.controls!.output_schema
  assert.deepEqual(sent, { ...invoice, additionalProperties: false })
})

test('properties with the names of keywords are closed like all others', async () => {
  const session = await client.start()
  const inner = { type: 'object', properties: { total: { type: 'number' } }, required: ['total'] }
  const json = { ...invoice, properties: { ...invoice.properties, default: inner } }
  await session.send(answer, { output: standard((value) => ({ value }), json) })
  const { data } = await client.outlast.messages.list(session.id)
  const { properties } = data[0]!.controls!.output_schema as typeof json
  assert.deepEqual(properties.default, { ...inner, additionalProperties: false })
})

test('a schema of TypeBox types the output', async () => {
  const session = await client.start()
  const schema = Type.Object({ total: Type.Number(), currency: Type.String() })
  const { output } = await session.send(answer, { output: schema })
  const total: number = output.total
  const currency: string = output.currency
  assert.deepEqual({ total, currency }, value)
})

test('a JSON Schema types the output', async () => {
  const session = await client.start()
  const { output } = await session.send(answer, {
    output: {
      type: 'object',
      properties: { total: { type: 'number' }, currency: { enum: currencies } },
      required: ['total'],
    },
  })
  const total: number = output.total
  const currency: 'EUR' | 'USD' | undefined = output.currency
  assert.deepEqual({ total, currency }, value)
})

test('without a schema the output is undefined, and with that of the agent unknown', async () => {
  const session = await client.start()
  const plain = await session.send('hello')
  isType<unknown>()(plain.output)
  assert.equal(plain.output, undefined)
})

test('an answer that stays invalid fails with the violations', async () => {
  const session = await client.start()
  const turn = session.send(says({ text: 'a' }, { output: { total: 'b' } }), {
    output: { type: 'object', properties: { total: { type: 'number' } } },
  })
  const error = await turn.then(
    () => undefined,
    (reason) => reason,
  )
  assert.ok(error instanceof TurnFailedError)
  assert.ok(isOutlastError(error, 'output_invalid'))
  assert.deepEqual(error.details, [{ path: '/total', message: 'must be a number' }])
})

test('an answer that only the library refuses fails in this program', async () => {
  const session = await client.start()
  const issues = [{ message: 'must be large', path: ['total'] }]
  const output = standard(() => ({ issues }))
  const error = await session.send(answer, { output }).catch((reason) => reason)
  assert.ok(isOutlastError(error, 'output_invalid'))
  assert.ok(!(error instanceof TurnFailedError), 'the turn is complete')
  assert.deepEqual(error.details, [{ path: '/total', message: 'must be large' }])
  assert.match(error.message, /\/total must be large/)
})

test('a schema without JSON Schema is refused before a request', async () => {
  const session = await client.start()
  const bare: StandardSchemaV1 = {
    '~standard': { version: 1, vendor: 'valibot', validate: (given) => ({ value: given }) },
  }
  const error = await session.send('hello', { output: bare }).catch((reason) => reason)
  assert.ok(isOutlastError(error, 'invalid_output_schema'))
  assert.match(error.message, /toStandardJsonSchema/)
  assert.equal((await client.outlast.messages.list(session.id)).data.length, 0)
})

test('tools of one turn run in this program', async () => {
  const session = await client.start()
  const double = clientTool({
    name: 'double',
    description: 'Doubles.',
    parameters: {
      type: 'object',
      properties: { value: { type: 'number' } },
      required: ['value'],
    },
    run: ({ value }) => value * 2,
  })
  const call = { name: 'double', arguments: { value: 21 } }
  const script = says({ tool_calls: [call] }, { text: 'Done.' })
  const instructions = 'Use the tool.'
  const { text } = await session.send(script, { turnTools: [double], instructions })
  assert.equal(text, 'Done.')
  const { data } = await client.outlast.messages.list(session.id)
  assert.match(JSON.stringify(data), /"result":"?42/)
  assert.equal(data[0]!.instructions, instructions)
})
