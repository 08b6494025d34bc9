import { isJsonObject } from '../../json.ts'

/** Finds what model vendors refuse or ignore in the input schema of a tool. */

type Schema = Record<string, unknown>

const namePattern = /^[a-zA-Z0-9_.-]{1,64}$/
const levelsMax = 10
const propertiesMax = 5_000
const enumValuesMax = 1_000

/** Keywords that are refused at the top level, and the vendors. */
const refusedOnTop: Record<string, string> = {
  anyOf: 'OpenAI and Anthropic refuse',
  oneOf: 'OpenAI and Anthropic refuse',
  allOf: 'OpenAI and Anthropic refuse',
  enum: 'OpenAI refuses',
  const: 'OpenAI refuses',
  not: 'OpenAI refuses',
}
/** Keywords that OpenAI and Google do not support: arguments may break them. */
const ignored = [
  'not',
  'if',
  'then',
  'else',
  'patternProperties',
  'propertyNames',
  'unevaluatedProperties',
  'dependentRequired',
  'dependentSchemas',
  'contains',
]
/** Keywords whose value is a schema, a list of schemas, or schemas by name. */
const single = ['items', 'additionalProperties', 'not', 'if', 'then', 'else', 'contains']
const lists = ['anyOf', 'oneOf', 'allOf', 'prefixItems']
const named = ['properties', '$defs', 'definitions', 'patternProperties', 'dependentSchemas']

/** A schema within a schema. `level`: the number of objects and lists around it. */
type Part = { path: string; schema: Schema; level: number }

/**
 * Lists the problems of an input schema with model vendors. Each is a sentence without its subject,
 * such as `has anyOf at the top level, which OpenAI and Anthropic refuse.`
 * Contract: pure. Does not follow `$ref`.
 */
export function schemaWarnings(schema: Schema): string[] {
  const parts = [...schemaParts({ path: '', schema, level: 0 })]
  const warnings = [
    ...onTop(schema),
    ...parts.flatMap(namesOf),
    ...parts.flatMap(referencesOf),
    ...keywordsOf(parts),
    ...limitsOf(parts),
  ]
  return [...new Set(warnings)]
}

/** A schema object that contains itself has an endless path. */
const pathLengthMax = 2_000

function* schemaParts(part: Part): Generator<Part> {
  yield part
  if (part.path.length > pathLengthMax) return
  const { path, schema, level } = part
  const isContainer = schema.type === 'object' || schema.type === 'array'
  const inside = (name: string, value: unknown, deeper: boolean): Part[] =>
    isJsonObject(value)
      ? [{ path: `${path}/${name}`, schema: value, level: level + (deeper ? 1 : 0) }]
      : []
  const children = [
    ...single.flatMap((name) => inside(name, schema[name], isContainer)),
    ...lists.flatMap((name) =>
      listOf(schema[name]).flatMap((one, index) => inside(`${name}/${index}`, one, false)),
    ),
    ...named.flatMap((name) =>
      entriesOf(schema[name]).flatMap(([key, one]) => inside(`${name}/${key}`, one, isContainer)),
    ),
  ]
  for (const child of children) yield* schemaParts(child)
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])
const entriesOf = (value: unknown) => (isJsonObject(value) ? Object.entries(value) : [])

function onTop(schema: Schema): string[] {
  const found = Object.keys(refusedOnTop).filter((keyword) => schema[keyword] !== undefined)
  return [
    ...(schema.type === 'object' ? [] : ['is not an object schema, which every vendor requires.']),
    ...found.map((keyword) => `has ${keyword} at the top level, which ${refusedOnTop[keyword]}.`),
  ]
}

const namesOf = ({ schema }: Part): string[] =>
  entriesOf(schema.properties)
    .filter(([name]) => !namePattern.test(name))
    .map(
      ([name]) =>
        `has the property ${JSON.stringify(name)}; Anthropic accepts 1 to 64 letters, digits, _, . and - in names.`,
    )

const besideReference = new Set(['$ref', 'description', 'default'])

function referencesOf({ path, schema }: Part): string[] {
  if (schema.$ref === undefined) return []
  const other = Object.keys(schema).find((keyword) => !besideReference.has(keyword))
  const target = String(schema.$ref).replace(/^#/, '')
  return [
    ...(other ? [`has ${other} beside $ref at ${path || '/'}, which Google refuses.`] : []),
    ...(`${path}/`.startsWith(`${target}/`)
      ? [`refers to itself at ${path || '/'}, which Google does not support.`]
      : []),
  ]
}

/** `not` at the top level has its own warning. */
function keywordsOf(parts: readonly Part[]): string[] {
  const found = ignored.filter((keyword) =>
    parts.some(
      ({ path, schema }) => schema[keyword] !== undefined && !(path === '' && keyword === 'not'),
    ),
  )
  return found.map(
    (keyword) => `uses ${keyword}, which OpenAI and Google do not support: models may ignore it.`,
  )
}

function limitsOf(parts: readonly Part[]): string[] {
  const levels = Math.max(...parts.map(({ level }) => level))
  const properties = sum(parts.map(({ schema }) => entriesOf(schema.properties).length))
  const values = sum(parts.map(({ schema }) => listOf(schema.enum).length))
  return [
    ...(levels > levelsMax ? [`has ${levels} levels; OpenAI allows ${levelsMax}.`] : []),
    ...(properties > propertiesMax
      ? [`has ${properties} properties; OpenAI allows ${propertiesMax}.`]
      : []),
    ...(values > enumValuesMax
      ? [`has ${values} values in enum; OpenAI allows ${enumValuesMax}.`]
      : []),
  ]
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0)
