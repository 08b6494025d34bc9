/** Every schema of the contract documents itself: descriptions, and examples that are valid. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as contract from '@outlast/contract'
import { descriptionHere, descriptionOf } from '@outlast/contract'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'

type Schema = {
  title?: string
  description?: string
  examples?: unknown[]
  properties?: Record<string, Schema>
  items?: Schema
  anyOf?: Schema[]
  allOf?: Schema[]
}

const resources = ['Session', 'Message', 'Event', 'Agent', 'ScheduleResponse', 'LlmModel']
const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && '~kind' in value

const { eventData, ...exported } = contract
const found: [string, unknown][] = [...Object.entries(exported), ...Object.entries(eventData)]
const roots = found.filter((entry): entry is [string, Schema] => isSchema(entry[1]))

/** Calls `see` with each schema below `schema` and its path. */
function walk(path: string, schema: Schema, see: (path: string, schema: Schema) => void): void {
  see(path, schema)
  for (const [name, part] of Object.entries(schema.properties ?? {})) {
    walk(`${path}.${name}`, part, see)
  }
  const { items, anyOf = [], allOf = [] } = schema
  for (const part of [...(items ? [items] : []), ...anyOf, ...allOf]) walk(path, part, see)
}

/** Lists the paths of all schemas for which `isWrong` holds. */
function pathsWhere(isWrong: (schema: Schema) => boolean): string[] {
  const paths = new Set<string>()
  for (const [name, root] of roots) {
    walk(name, root, (path, schema) => {
      if (isWrong(schema)) paths.add(path)
    })
  }
  return [...paths]
}

test('every property and query parameter has a description', () => {
  const missing: string[] = []
  for (const [name, root] of roots) {
    walk(name, root, (path, { properties = {} }) => {
      for (const [key, part] of Object.entries(properties)) {
        if (!descriptionOf(part)) missing.push(`${path}.${key}`)
      }
    })
  }
  assert.deepEqual(missing, [])
})

test('every schema with a title has a description', () => {
  assert.deepEqual(
    pathsWhere(({ title, description }) => title !== undefined && !description),
    [],
  )
})

test('descriptions are sentences of at most 25 words', () => {
  const wrong = pathsWhere((schema) =>
    [schema.description, descriptionHere(schema)].some(
      (text) => text !== undefined && !isPlain(text),
    ),
  )
  assert.deepEqual(wrong, [])
})

function isPlain(text: string): boolean {
  const sentences = text.split(/(?<=[.;:])\s+/)
  return /^[A-Z`0-9]/.test(text) && /[.…]$/.test(text) && sentences.every(isShort)
}

const isShort = (sentence: string) => sentence.split(/\s+/).length <= 25

test('resources have an example', () => {
  const titles = new Set<string>()
  for (const [name, root] of roots) {
    walk(name, root, (_path, { title, examples }) => {
      if (title && examples) titles.add(title)
    })
  }
  assert.deepEqual(
    resources.filter((title) => !titles.has(title)),
    [],
  )
})

test('every example is valid', () => {
  const invalid = pathsWhere(({ examples = [], ...schema }) => {
    const validator = Compile(schema as TSchema)
    return examples.some((example) => !validator.Check(example))
  })
  assert.deepEqual(invalid, [])
})
