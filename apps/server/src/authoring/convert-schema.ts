import {
  answerJsonSchema,
  isStandardSchema,
  type SchemaSide,
  standardJsonSchema,
  validateStandard,
} from '@outlast/sdk/standard-schema'
import type { TObject } from 'typebox'
import { Type } from 'typebox'
import type { Parse } from '../capabilities/capability.ts'
import { schemaKeywords } from '../capabilities/schemas/output-schema.ts'
import { problemsOf } from '../capabilities/schemas/validation.ts'
import { isJsonObject } from '../json.ts'
import { thrownMessage } from '../text.ts'
import type { AnySchema, StandardSchema } from './schema.ts'

/** A schema as models see it, and its library's validation. */
export type Converted = {
  schema: TObject
  /** Undefined for JSON Schema, which the server validates itself. */
  parse: Parse | undefined
}

const converted = {
  input: new WeakMap<object, Converted>(),
  output: new WeakMap(),
} satisfies Record<SchemaSide, WeakMap<object, Converted>>

/**
 * Converts a schema of any library to JSON Schema. Each schema object is converted once.
 * Contract: throws an Error with the reason if a schema cannot be used.
 */
export function convertSchema(schema: AnySchema | undefined, side: SchemaSide): Converted {
  if (schema === undefined) return { schema: noArguments, parse: undefined }
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) {
    throw new Error('is not a schema')
  }
  let known = converted[side].get(schema)
  if (!known) {
    known = isStandardSchema(schema) ? fromStandard(schema, side) : fromJson(schema as object, side)
    converted[side].set(schema, known)
  }
  return known
}

const noArguments = Type.Object({}, { additionalProperties: false })

function fromJson(schema: object, side: SchemaSide): Converted {
  checkObject(schema, side)
  checkReadable(schema)
  const whole = schema as TObject
  // The validator reads properties of every object schema.
  return { schema: whole.properties ? whole : { ...whole, properties: {} }, parse: undefined }
}

function fromStandard(schema: StandardSchema, side: SchemaSide): Converted {
  const json = standardJsonSchema(schema, side)
  checkObject(json, side)
  return { schema: json as unknown as TObject, parse: (value) => validateStandard(schema, value) }
}

/** Models accept only objects as arguments. A result may be any JSON. */
function checkObject(schema: object, side: SchemaSide) {
  if (side === 'output' || (schema as { type?: unknown }).type === 'object') return
  throw new Error('must describe an object: models send arguments by name')
}

/** Refuses a schema that is not JSON, and patterns that the validator cannot compile. */
function checkReadable(schema: object) {
  try {
    checkPatterns(JSON.parse(JSON.stringify(schema)))
  } catch (error) {
    throw new Error(`cannot be used: ${thrownMessage(error).split('\n')[0]}`)
  }
}

/** Compiles the patterns of a schema, not those in its values, such as `default` and `enum`. */
function checkPatterns(node: unknown): void {
  if (Array.isArray(node)) for (const one of node) checkPatterns(one)
  if (!isJsonObject(node)) return
  const { pattern, patternProperties } = node
  if (typeof pattern === 'string') new RegExp(pattern, 'u')
  if (isJsonObject(patternProperties)) {
    for (const key of Object.keys(patternProperties)) new RegExp(key, 'u')
  }
  const { maps, lists, singles } = schemaKeywords
  for (const keyword of maps) checkPatterns(Object.values(node[keyword] ?? {}))
  for (const keyword of [...lists, ...singles]) checkPatterns(node[keyword])
}

/** Validates a result: by its library, or else by its JSON Schema. */
export function resultParser({ schema, parse }: Converted): Parse {
  if (parse) return parse
  return async (value) => {
    const problems = problemsOf(schema, value)
    return problems.length > 0 ? { problems } : { value }
  }
}

/** Converts the output schema of an agent. Contract: throws an Error with the reason. */
export function outputSchemaOf(schema: AnySchema): Record<string, unknown> {
  const { schema: json } = convertSchema(schema, 'input')
  return isStandardSchema(schema) ? answerJsonSchema(schema) : { ...json }
}
