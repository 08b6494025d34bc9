import type { TObject } from 'typebox'
import { Type } from 'typebox'
import type { Parse } from '../capabilities/capability.ts'
import { problemsOf } from '../capabilities/validation.ts'
import type { AnySchema, StandardSchema } from './schema.ts'

/** A schema as models see it, and its library's validation. */
export type Converted = {
  schema: TObject
  /** Undefined for JSON Schema, which the server validates itself. */
  parse: Parse | undefined
}

type Side = 'input' | 'output'

/** The part of https://standardschema.dev/json-schema that is used. */
type WithJsonSchema = {
  jsonSchema?: Partial<Record<Side, (options: { target: string }) => Record<string, unknown>>>
}

const target = 'draft-2020-12'
const converted = {
  input: new WeakMap<object, Converted>(),
  output: new WeakMap(),
} satisfies Record<Side, WeakMap<object, Converted>>

/**
 * Converts a schema of any library to JSON Schema. Each schema object is converted once.
 * Contract: throws an Error that says why a schema cannot be used.
 */
export function convertSchema(schema: AnySchema | undefined, side: Side): Converted {
  if (schema === undefined) return { schema: noArguments, parse: undefined }
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) {
    throw new Error('is not a schema')
  }
  let known = converted[side].get(schema)
  if (!known) {
    known = isStandard(schema) ? fromStandard(schema, side) : fromJson(schema as object, side)
    converted[side].set(schema, known)
  }
  return known
}

const noArguments = Type.Object({}, { additionalProperties: false })

const isStandard = (schema: object): schema is StandardSchema => '~standard' in schema

function fromJson(schema: object, side: Side): Converted {
  checkObject(schema, side)
  const whole = schema as TObject
  // The validator reads properties of every object schema.
  return { schema: whole.properties ? whole : { ...whole, properties: {} }, parse: undefined }
}

function fromStandard(schema: StandardSchema, side: Side): Converted {
  const standard = schema['~standard']
  const convert = (standard as WithJsonSchema).jsonSchema?.[side]
  if (!convert) throw new Error(withoutJsonSchema(standard.vendor))
  const { $schema: _, ...json } = convert({ target })
  checkObject(json, side)
  return { schema: json as unknown as TObject, parse: parseOf(schema) }
}

const withoutJsonSchema = (vendor: string) =>
  vendor === 'valibot'
    ? 'is a schema of valibot, which has no JSON Schema: wrap it in toStandardJsonSchema() of @valibot/to-json-schema'
    : `is a schema of ${vendor} that has no JSON Schema: use a version with ~standard.jsonSchema, such as zod 4.2, arktype 2.1.28 or newer`

/** Models accept only objects as arguments. A result may be any JSON. */
function checkObject(schema: object, side: Side) {
  if (side === 'output' || (schema as { type?: unknown }).type === 'object') return
  throw new Error('must describe an object: models send arguments by name')
}

const issuesMax = 10

const parseOf =
  (schema: StandardSchema): Parse =>
  async (value) => {
    const result = await schema['~standard'].validate(value)
    if (!result.issues) return { value: result.value }
    return {
      problems: result.issues.slice(0, issuesMax).map(({ path = [], message }) => ({
        path: path.map((part) => `/${String(typeof part === 'object' ? part.key : part)}`).join(''),
        message,
      })),
    }
  }

/** Validates a result: by its library, or else by its JSON Schema. */
export function resultParser({ schema, parse }: Converted): Parse {
  if (parse) return parse
  return async (value) => {
    const problems = problemsOf(schema, value)
    return problems.length > 0 ? { problems } : { value }
  }
}
