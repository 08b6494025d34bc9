/**
 * Writes the types of packages/contract as plain TypeScript, for a package without dependencies.
 * Types of schemas are written from the schema; the few derived types are copied from their source.
 */
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { descriptionOf } from '../packages/contract/src/core/shape.ts'

/** The keywords of JSON Schema that the contract uses. */
type Schema = {
  type?: string
  description?: string
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  allOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  patternProperties?: Record<string, Schema>
}

const folder = fileURLToPath(new URL('../packages/contract/src/', import.meta.url))
const head = '// Made from the schemas of packages/contract by `npm run build`.\n'

/** Generic types, and types without a schema. */
const copied = ['Event', 'Noun', 'Page']
/** All event types are one declaration here. */
const events = `export type EventType = keyof EventData
export type EventDataOf<T extends EventType> = EventData[T]
`

export type Contract = { text: string; names: string[] }

/** The declarations, and the names that are exported. */
export async function contractTypes(): Promise<Contract> {
  const sources = schemaFiles().map((file) => readFileSync(folder + file, 'utf8'))
  const source = sources.join('\n')
  const names = [...source.matchAll(/^export type (\w+)/gm)].map(([, name]) => name!)
  const schemas = await schemasOf()
  const written = names.filter((name) => !copied.includes(name) && schemas[name])
  const known = new Map(written.map((name) => [shapeOf(schemas[name]!), name]))
  const render = renderer(known)
  const declarations = written.map(
    (name) =>
      `${aboutSchema(schemas[name]!)}export type ${name} = ${render(schemas[name]!, true)}\n`,
  )
  const data = Object.entries(schemas.eventData as Record<string, Schema>).map(
    ([type, schema]) => `${aboutSchema(schema)}'${type}': ${render(schema)}`,
  )
  const whole = `type EventData = {\n${data.map((line) => indented(line)).join('\n')}\n}\n`
  const copies = copied.map((name) => declarationOf(source, name))
  const text = [head, ...declarations, whole, events, ...copies, 'export {}\n'].join('\n')
  return { text, names }
}

const schemaFiles = () => globSync('!(folds)/*.ts', { cwd: folder }).sort()

async function schemasOf(): Promise<Record<string, Schema>> {
  const modules = await Promise.all(
    schemaFiles().map((file) => import(path.join(folder, file)) as Promise<object>),
  )
  return Object.assign({}, ...modules) as Record<string, Schema>
}

/** The description of a schema as a docstring, with its line break. */
function aboutSchema(schema: Schema): string {
  const description = descriptionOf(schema)
  return description ? `/** ${description} */\n` : ''
}

/** The docstring before a declaration, with its line break. */
function commentOf(source: string, what: string): string {
  const before = source.split(new RegExp(`^ *${what.replace(/[.()]/g, '\\$&')}`, 'm'))
  const found = before.length > 1 ? /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n$/.exec(before[0]!) : null
  return found ? found[0].replace(/^ +\*/gm, ' *') : ''
}

function declarationOf(source: string, name: string): string {
  if (name === 'Noun') return `export type Noun =${nounsIn(source)}\n`
  const start = source.search(new RegExp(`^export type ${name}\\b`, 'm'))
  const rest = source.slice(start)
  const end = rest.split('\n').findIndex((line) => /^}|^export type .*}$/.test(line))
  const text = rest
    .split('\n')
    .slice(0, end + 1)
    .join('\n')
  return `${commentOf(source, `export const ${name} =`)}${text}\n`
}

const nounsIn = (source: string) =>
  [.../idPrefixes = \{([^}]*)\}/.exec(source)![1]!.matchAll(/(\w+):/g)]
    .map(([, noun]) => `\n  | '${noun}'`)
    .join('')

const indented = (text: string) => text.replace(/^(?=.)/gm, '  ')

/** A schema as text, without the description of the place where it is used. */
const shapeOf = ({ description: _, ...shape }: Schema): string => JSON.stringify(shape)

function renderer(known: Map<string, string>) {
  function render(schema: Schema, isTop = false): string {
    const name = isTop ? undefined : known.get(shapeOf(schema))
    if (name) return name
    const { anyOf, allOf, enum: values, type, items, patternProperties } = schema
    if (values) return values.map(literal).join(' | ')
    if ('const' in schema) return literal(schema.const)
    if (anyOf) return anyOf.map((one) => render(one)).join(' | ')
    if (allOf) return allOf.map((one) => render(one)).join(' & ')
    if (type === 'array') return `Array<${render(items!)}>`
    if (patternProperties) return `Record<string, ${render(Object.values(patternProperties)[0]!)}>`
    if (type === 'object') return objectOf(schema)
    return wordOf(type)
  }

  function objectOf({ properties = {}, required = [] }: Schema): string {
    const fields = Object.entries(properties).map(([name, schema]) => {
      return indented(
        `${aboutSchema(schema)}${keyOf(name)}${required.includes(name) ? '' : '?'}: ${render(schema)}`,
      )
    })
    return fields.length === 0 ? 'Record<never, never>' : `{\n${fields.join('\n')}\n}`
  }

  return render
}

const keyOf = (name: string) => (/^\w+$/.test(name) ? name : literal(name))

const literal = (value: unknown) =>
  typeof value === 'string' ? `'${value}'` : JSON.stringify(value)

function wordOf(type: string | undefined): string {
  if (type === 'integer' || type === 'number') return 'number'
  if (type === 'string' || type === 'boolean' || type === 'null') return type
  if (type === undefined) return 'unknown'
  throw new Error(`no type for ${type}`)
}
