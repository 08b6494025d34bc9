/** Schemas that clients give for answers. They come from users, so they are checked and limited. */
import { ApiError } from '../../errors.ts'
import { isJsonObject } from '../../json.ts'

export type OutputSchema = Readonly<Record<string, unknown>>

const bytesMax = 65_536
/** Levels of objects and arrays, which all vendors accept. */
const levelsMax = 5
/** Levels of schemas, alternatives and references included. */
const depthMax = 32

const types = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']
const maps = ['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions']
const lists = ['anyOf', 'oneOf', 'allOf', 'prefixItems']
const singles = [
  'items',
  'additionalProperties',
  'contains',
  'propertyNames',
  'unevaluatedItems',
  'unevaluatedProperties',
  'not',
  'if',
  'then',
  'else',
]
/** Keywords that have schemas: by name, in a list, and one. */
export const schemaKeywords = { maps, lists, singles }
/** Keywords whose schemas describe the same value as the schema that has them. */
const beside = ['anyOf', 'oneOf', 'allOf', 'not', 'if', 'then', 'else', 'dependentSchemas']
const definitions = ['$defs', 'definitions']
const refused = [
  '$id',
  '$anchor',
  '$dynamicRef',
  '$dynamicAnchor',
  '$recursiveRef',
  '$recursiveAnchor',
]
const numbers = [
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'minContains',
  'maxContains',
]

/**
 * Checks the output schema of a request, and removes `$schema` and `$id` of its root. Undefined for
 * none; an empty schema stays empty and means none.
 * Contract: throws 400 `invalid_output_schema` with the place.
 */
export function checkOutputSchema(
  given: unknown,
  path = 'output_schema',
): Record<string, unknown> | undefined {
  if (given === undefined || given === null) return undefined
  const fail = (at: string, message: string): never => {
    const details = [{ path: path + at, message }]
    throw new ApiError('invalid_output_schema', `\`${path}${at}\` ${message}.`, details)
  }
  if (!isJsonObject(given)) return fail('', 'must be a JSON object')
  if (Buffer.byteLength(JSON.stringify(given)) > bytesMax) {
    return fail('', `must have at most ${bytesMax} bytes`)
  }
  const { $schema: _, $id: __, ...schema } = given
  if (Object.keys(schema).length === 0) return {}
  if (schema.type !== 'object') fail('/type', 'must be `object`: answers are JSON objects')
  const levels = walkFrom(schema, fail)
  if (levels > levelsMax) {
    fail('', `must have at most ${levelsMax} levels of objects and arrays, not ${levels}`)
  }
  return schema
}

/** True for a schema that has an effect. */
export const isSchema = (schema: unknown): schema is OutputSchema =>
  isJsonObject(schema) && Object.keys(schema).length > 0

type Fail = (at: string, message: string) => never
type At = { path: string; depth: number }

/** Checks all parts of a schema, and counts its levels of objects and arrays. */
function walkFrom(root: OutputSchema, fail: Fail): number {
  const known = new Map<string, number | 'open'>()

  function walk(node: unknown, at: At): number {
    if (typeof node === 'boolean') return 0
    if (!isJsonObject(node)) return fail(at.path, 'must be a JSON Schema')
    if (at.depth > depthMax) return fail(at.path, 'is nested too deeply')
    checkKeywords(node, at.path, fail)
    const levels = { below: 0, beside: refLevels(node, at) }
    for (const [keyword, path, part] of subschemasIn(node, at.path, fail)) {
      if (definitions.includes(keyword)) {
        if (at.path === '') refer(`#/${path.slice(1)}`, part, { path, depth: at.depth + 1 })
        else walk(part, { path, depth: at.depth + 1 })
        continue
      }
      const side = beside.includes(keyword) ? 'beside' : 'below'
      levels[side] = Math.max(levels[side], walk(part, { path, depth: at.depth + 1 }))
    }
    return Math.max(levels.below + (isContainer(node) ? 1 : 0), levels.beside)
  }

  function refLevels({ $ref: ref }: OutputSchema, { path, depth }: At): number {
    if (ref === undefined) return 0
    const [, keyword, name] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(String(ref)) ?? []
    const list = keyword === undefined ? undefined : root[keyword]
    const key = decodeName(name ?? '')
    if (typeof ref !== 'string' || !isJsonObject(list) || !Object.hasOwn(list, key)) {
      return fail(`${path}/$ref`, 'must name an entry of `$defs` of the same schema')
    }
    return refer(`#/${keyword}/${key}`, list[key], { path: `${path}/$ref`, depth: depth + 1 })
  }

  function refer(name: string, node: unknown, at: At): number {
    const levels = known.get(name)
    if (levels === 'open') return fail(at.path, 'must not refer to itself')
    if (levels !== undefined) return levels
    known.set(name, 'open')
    const counted = walk(node, at)
    known.set(name, counted)
    return counted
  }

  return walk(root, { path: '', depth: 0 })
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return name
  }
}

const isContainer = ({ type, properties, items, prefixItems }: OutputSchema) =>
  [type].flat().some((one) => one === 'object' || one === 'array') ||
  (properties ?? items ?? prefixItems) !== undefined

/** All schemas inside of a schema, with their keyword and their path. */
function* subschemasIn(
  node: OutputSchema,
  path: string,
  fail: Fail,
): Generator<[keyword: string, path: string, part: unknown]> {
  for (const keyword of maps) {
    const list = node[keyword]
    if (list === undefined) continue
    if (!isJsonObject(list)) fail(`${path}/${keyword}`, 'must be an object')
    for (const [name, part] of Object.entries(list as object)) {
      yield [keyword, `${path}/${keyword}/${name}`, part]
    }
  }
  for (const keyword of lists) {
    const list = node[keyword]
    if (list === undefined) continue
    if (!Array.isArray(list) || list.length === 0) fail(`${path}/${keyword}`, 'must be a list')
    for (const [index, part] of (list as unknown[]).entries()) {
      yield [keyword, `${path}/${keyword}/${index}`, part]
    }
  }
  for (const keyword of singles) {
    if (node[keyword] !== undefined) yield [keyword, `${path}/${keyword}`, node[keyword]]
  }
}

function checkKeywords(node: OutputSchema, path: string, fail: Fail): void {
  const odd = refused.find((keyword) => keyword in node)
  if (odd !== undefined) fail(`${path}/${odd}`, 'is not supported')
  const { type, required, enum: values, pattern, patternProperties } = node
  const isType = (one: unknown) => types.includes(one as string)
  if (type !== undefined && !(Array.isArray(type) ? type.every(isType) : isType(type))) {
    fail(`${path}/type`, `must be one of ${types.join(', ')}`)
  }
  const isText = (one: unknown) => typeof one === 'string'
  if (required !== undefined && !(Array.isArray(required) && required.every(isText))) {
    fail(`${path}/required`, 'must be a list of names')
  }
  if (values !== undefined && !(Array.isArray(values) && values.length > 0)) {
    fail(`${path}/enum`, 'must be a list of values')
  }
  const number = numbers.find((keyword) => keyword in node && typeof node[keyword] !== 'number')
  if (number !== undefined) fail(`${path}/${number}`, 'must be a number')
  if (node.format !== undefined && !isText(node.format)) fail(`${path}/format`, 'must be a text')
  if (pattern !== undefined) checkPattern(pattern, `${path}/pattern`, fail)
  for (const key of isJsonObject(patternProperties) ? Object.keys(patternProperties) : []) {
    checkPattern(key, `${path}/patternProperties`, fail)
  }
}

function checkPattern(pattern: unknown, path: string, fail: Fail) {
  try {
    if (typeof pattern === 'string') return new RegExp(pattern, 'u')
  } catch {}
  return fail(path, 'must be a regular expression')
}
