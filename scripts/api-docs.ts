/**
 * Makes the static copy of the API reference, `docs/api`: the OpenAPI document as YAML and a page
 * of Markdown for each group of operations. `npm run docs` writes it.
 * Contract: needs neither a database nor a network.
 */
import { stringify } from 'yaml'
import { readDocument } from '../apps/server/test/document.ts'
import { code, table } from './markdown.ts'

type Schema = {
  $ref?: string
  description?: string
  type?: string
  format?: string
  const?: unknown
  enum?: unknown[]
  default?: unknown
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
}
type Media = { schema: Schema; example?: unknown; examples?: Record<string, unknown> }
type Response = { $ref?: string; description: string; content?: Record<string, Media> }
type Parameter = { name: string; in: string; description?: string; schema: Schema }
type Operation = {
  operationId: string
  summary: string
  description: string
  tags: string[]
  parameters: Parameter[]
  requestBody?: { required?: boolean; content: Record<string, Media> }
  responses: Record<string, Response>
  'x-codeSamples': { source: string }[]
}
type Document = {
  info: { title: string; description: string }
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; responses: Record<string, Response> }
}
type Placed = Operation & { method: string; path: string }

const note = '<!-- Made by `npm run docs`: change the code, not this page. -->'

const slugOf = (name: string) => name.toLowerCase().replaceAll(' ', '-')
/** No table without rows. */
const tables = (heads: string[], rows: string[][]) =>
  rows.length === 0 ? [] : [table(heads, rows)]

const fenced = (language: string, text: string) => `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``

function exampleBlock({ example }: Media): string[] {
  if (example === undefined) return []
  if (typeof example === 'string') return [fenced('text', example)]
  return [fenced('json', JSON.stringify(example, null, 2))]
}

/** Pages of the reference by their path from the root of the repository. */
export async function apiPages(): Promise<Record<string, string>> {
  const document = JSON.parse(await readDocument()) as Document
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]): Placed => ({ ...one, method, path })),
  )
  const writer = createWriter(document, operations)
  const yaml = stringify(document, { lineWidth: 100, aliasDuplicateObjects: false })
  return {
    'docs/api/openapi.yaml': `# Made by \`npm run docs\`: change the code, not this file.\n${yaml}`,
    'docs/api/README.md': writer.index(),
    ...Object.fromEntries(
      document.tags.map((tag) => [`docs/api/${slugOf(tag.name)}.md`, writer.page(tag)]),
    ),
  }
}

/** Names of the schemas below a value, in their order. */
function refsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, part]) =>
    key === '$ref' && String(part).includes('/schemas/') ? [nameIn(String(part))] : refsIn(part),
  )
}

const nameIn = (ref: string) => ref.split('/').at(-1)!

/** The page of each schema: that of the first group whose operations use it. */
function placeSchemas({ tags, components }: Document, operations: Placed[]): Map<string, string> {
  const pages = new Map<string, string>()
  function place(name: string, page: string) {
    if (pages.has(name)) return
    pages.set(name, page)
    for (const inner of refsIn(components.schemas[name])) place(inner, page)
  }
  place('ErrorResponse', 'README.md')
  for (const { name } of tags) {
    for (const operation of operations.filter((one) => one.tags.includes(name))) {
      const { requestBody, responses, parameters } = operation
      for (const ref of refsIn([requestBody, responses, parameters])) {
        place(ref, `${slugOf(name)}.md`)
      }
    }
  }
  return pages
}

/** Writes types and schemas as Markdown, with links between pages. */
function createSchemaWriter({ components }: Document, pages: Map<string, string>) {
  const schemaOf = ({ $ref }: Schema) => ($ref ? components.schemas[nameIn($ref)] : undefined)

  function typeOf(schema: Schema): string {
    const { $ref, type, format, items } = schema
    if ($ref) {
      const name = nameIn($ref)
      return `[${name}](${pages.get(name)}#${name.toLowerCase()})`
    }
    const options = schema.anyOf ?? schema.oneOf
    if (options) return options.map(typeOf).join(' or ')
    if (schema.const !== undefined) return code(JSON.stringify(schema.const))
    if (schema.enum) return schema.enum.map((value) => code(JSON.stringify(value))).join(', ')
    if (type === 'array') return `array of ${items ? typeOf(items) : 'any'}`
    return format ? `${type} (${format})` : (type ?? 'any')
  }

  function propertiesOf({ properties = {}, required = [] }: Schema, prefix = ''): string[][] {
    return Object.entries(properties).flatMap(([name, schema]) => {
      const inner = schema.items?.properties ? schema.items : schema
      const description = schema.description ?? schemaOf(schema)?.description ?? ''
      const isRequired = required.includes(name) ? 'yes' : ''
      return [
        [code(prefix + name), typeOf(schema), isRequired, description],
        ...propertiesOf(inner, `${prefix}${name}.`),
      ]
    })
  }

  function schemaPart(name: string): string[] {
    const schema = components.schemas[name]!
    const rows = propertiesOf(schema)
    return [
      `### ${name}`,
      ...(schema.description ? [schema.description] : []),
      ...(rows.length > 0
        ? tables(['Property', 'Type', 'Required', 'Description'], rows)
        : [`Type: ${typeOf(schema)}`]),
    ]
  }

  return { typeOf, schemaPart }
}

type SchemaWriter = ReturnType<typeof createSchemaWriter>

function bodyParts({ typeOf }: SchemaWriter, head: string, content: Record<string, Media> = {}) {
  const bySchema = Map.groupBy(Object.entries(content), ([, { schema }]) => typeOf(schema))
  if (bySchema.size === 0) return [head]
  return [...bySchema].flatMap(([schema, [first, ...others]]) => {
    const types = [first!, ...others].map(([type]) => code(type)).join(', ')
    return [`${head} ${types}: ${schema}`, ...exampleBlock(first![1])]
  })
}

function errorRows({ components }: Document, { responses }: Placed): string[][] {
  return Object.entries(responses)
    .filter(([status]) => Number(status) >= 400)
    .map(([status, response]) => {
      const { $ref } = response
      const whole = $ref ? components.responses[nameIn($ref)]! : response
      const { examples = {} } = whole.content!['application/json']!
      return [status, Object.keys(examples).map(code).join(', ')]
    })
}

function operationPart(document: Document, schemas: SchemaWriter, one: Placed): string[] {
  const parameters = one.parameters.map(({ name, in: place, schema, description }) => [
    code(name),
    place,
    schemas.typeOf(schema),
    description ?? '',
  ])
  const successes = Object.entries(one.responses).filter(([status]) => Number(status) < 400)
  return [
    `## ${one.summary}`,
    `${code(`${one.method.toUpperCase()} ${one.path}`)} · ${code(one.operationId)}`,
    one.description,
    ...tables(['Parameter', 'In', 'Type', 'Description'], parameters),
    ...(one.requestBody ? bodyParts(schemas, '**Request**', one.requestBody.content) : []),
    ...successes.flatMap(([status, { content }]) =>
      bodyParts(schemas, `**Response ${status}**`, content),
    ),
    ...tables(['Status', 'Error codes'], errorRows(document, one)),
    fenced('ts', one['x-codeSamples'][0]!.source),
  ]
}

function createWriter(document: Document, operations: Placed[]) {
  const { tags, info } = document
  const pages = placeSchemas(document, operations)
  const schemas = createSchemaWriter(document, pages)
  const join = (parts: string[]) => `${parts.join('\n\n')}\n`
  const schemasOn = (page: string) =>
    [...pages].filter(([, place]) => place === page).map(([name]) => name)

  function page({ name, description }: Document['tags'][number]): string {
    const own = operations.filter((one) => one.tags.includes(name))
    const names = schemasOn(`${slugOf(name)}.md`)
    return join([
      `# ${name}`,
      note,
      description,
      ...own.flatMap((one) => operationPart(document, schemas, one)),
      ...(names.length > 0 ? ['## Schemas', ...names.flatMap(schemas.schemaPart)] : []),
    ])
  }

  function index(): string {
    const rows = tags.flatMap(({ name }) =>
      operations
        .filter((one) => one.tags.includes(name))
        .map(({ summary, method, path }, at) => [
          at === 0 ? `[${name}](${slugOf(name)}.md)` : '',
          summary,
          code(`${method.toUpperCase()} ${path}`),
        ]),
    )
    return join([
      `# ${info.title}`,
      note,
      'A copy of the reference that a server has at `/docs`. The OpenAPI document is [openapi.yaml](openapi.yaml); the npm package leaves it out, because each server has it at `/api-doc/openapi.json`.',
      info.description,
      '## Operations',
      ...tables(['Group', 'Operation', 'Request'], rows),
      '## Schemas',
      ...schemasOn('README.md').flatMap(schemas.schemaPart),
    ])
  }

  return { page, index }
}
