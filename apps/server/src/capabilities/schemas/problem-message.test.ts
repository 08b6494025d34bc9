import assert from 'node:assert/strict'
import test from 'node:test'
import * as contract from '@outlast/contract'
import { type TObject, Type } from 'typebox'
import { builtins } from '../index.ts'
import { patternInWords } from './problem-message.ts'
import { problemsOf } from './validation.ts'

const told = (schema: TObject, value: unknown) =>
  problemsOf(schema, value).map(({ path, message }) => `${path || 'body'} ${message}`)

/** All patterns in a schema. */
function patternsOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const { type, pattern } = schema as { type?: unknown; pattern?: unknown }
  const own = type === 'string' && typeof pattern === 'string' ? [pattern] : []
  return [...own, ...Object.values(schema).flatMap(patternsOf)]
}

test('every pattern of the API and of tools has an explanation', () => {
  const tools = builtins.flatMap((one) => one.tools({} as never).map(({ input }) => input))
  const configs = builtins.map(({ config }) => config)
  const patterns = new Set([...Object.values(contract), ...tools, ...configs].flatMap(patternsOf))
  assert.ok(patterns.size > 10)
  assert.deepEqual(
    [...patterns].filter((pattern) => patternInWords(pattern) === undefined),
    [],
  )
})

test('shows the right form of an id instead of its pattern', () => {
  const id = 'agent_0123456789abcdef0123456789abcdef'
  for (const agent_id of ['x', 5]) {
    assert.deepEqual(told(contract.NewSession, { agent_id }), [
      `/agent_id must be an agent id such as ${id}`,
    ])
  }
})

test('shows the right shape of a message', () => {
  const content = '[{"type":"text","text":"Summarize the sales of last week."}]'
  assert.deepEqual(told(contract.NewMessage, { message: { content: 'hi' } }), [
    `/message/content must be an array such as ${content}`,
  ])
  assert.deepEqual(told(contract.NewMessage, { content: 'hi' }), [
    `body needs message, such as {"message":{"role":"user","content":${content}}}`,
  ])
  assert.deepEqual(told(contract.NewMessage, { message: { content: [{ type: 'txt' }] } }), [
    '/message/content/0/type must be one of text, image, image_file, tool_result',
  ])
  assert.deepEqual(told(contract.NewMessage, { message: { content: [{ type: 'text' }] } }), [
    '/message/content/0 needs text',
  ])
})

test('names both ends of a range, and all kinds of a union', () => {
  const schema = Type.Object({
    limit: Type.Integer({ minimum: 1, maximum: 500 }),
    name: Type.String({ minLength: 1, maxLength: 10 }),
    title: contract.optional(Type.String()),
    either: Type.Union([Type.Boolean(), Type.Number({ minimum: 0 })]),
    many: Type.Array(Type.String(), { minItems: 1 }),
  })
  const wrong = { limit: 501, name: 'n'.repeat(11), title: 1, either: 'x', many: [] }
  assert.deepEqual(told(schema, wrong), [
    '/limit must be between 1 and 500',
    '/name must have between 1 and 10 characters',
    '/title must be a string',
    '/either must be true or false or a number of at least 0',
    '/many must have at least 1 items',
  ])
  assert.deepEqual(
    told(schema, { ...wrong, limit: '5' })[0],
    '/limit must be an integer between 1 and 500',
  )
})
