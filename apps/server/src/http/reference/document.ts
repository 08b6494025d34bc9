import { STATUS_CODES } from 'node:http'
import { ErrorResponse, ImageUpload } from '@outlast/contract'
import type { RouteOptions } from 'fastify'
import { ApiError, catalogue, type ErrorCode } from '../../errors.ts'
import { exampleOf, type JsonSchema } from '../../schema-example.ts'
import { isWrite } from '../core/change-reason.ts'
import { type OperationDocs, tagNames } from '../core/docs.ts'
import { takesKey } from '../core/idempotency.ts'
import { derivedText, isPublic, sharedErrorsOf } from './derived.ts'
import { introduction, parameterExamples, parameterTexts, tagTexts } from './introduction.ts'
import { createComponents, type DocumentPart } from './schemas.ts'
import { frameExamples, frameSchemas } from './streams.ts'
import { operationDocs } from './texts.ts'

const securitySchemes = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key, an access token or a session token.',
  },
  key: {
    type: 'apiKey',
    in: 'header',
    name: 'Authorization',
    description: 'An API key without a scheme, or after `ApiKey`.',
  },
  cookie: {
    type: 'apiKey',
    in: 'cookie',
    name: 'access_token',
    description: 'The access token of a browser, set at sign-in.',
  },
  query: {
    type: 'apiKey',
    in: 'query',
    name: 'access_token',
    description: 'An access token or a session token, for event streams only. No API key.',
  },
}

type Components = ReturnType<typeof createComponents>

/**
 * Makes the OpenAPI 3.1 document of the routes. Schemas with a `title` become components.
 * Contract: throws for an operation without texts.
 */
export function documentOf(routes: readonly RouteOptions[], version: string): DocumentPart {
  const components = createComponents()
  const byId = new Map(routes.map((route) => [route.schema!.operationId!, route]))
  const order = Object.keys(operationDocs)
  const paths: Record<string, DocumentPart> = {}
  for (const id of [...byId.keys()].toSorted((a, b) => order.indexOf(a) - order.indexOf(b))) {
    const route = byId.get(id)!
    const docs = operationDocs[id]
    if (!docs) throw new Error(`${id} has no texts: add it to the .docs.ts file of its noun.`)
    const path = named(route.url).replace(/:(\w+)/g, '{$1}')
    paths[path] ??= {}
    paths[path][String(route.method).toLowerCase()] = operationOf(components, route, docs)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Outlast API',
      version,
      summary: 'Durable sessions for AI agents.',
      description: introduction,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [
      { url: '/', description: 'This server.' },
      { url: '/api', description: 'The same API under a prefix.' },
    ],
    tags: tagNames.map((name) => ({ name, description: tagTexts[name] })),
    paths,
    components: { ...components.all(), securitySchemes },
    security: [{ bearer: [] }, { key: [] }, { cookie: [] }],
  }
}

function operationOf(
  components: Components,
  route: RouteOptions,
  docs: OperationDocs,
): DocumentPart {
  const { operationId: id = '' } = route.schema!
  return {
    operationId: id,
    summary: docs.summary,
    description: `${docs.description}\n\n${derivedText(route)}`,
    tags: [docs.tag],
    ...securityOf(route),
    parameters: parametersOf(components, route),
    ...requestOf(components, route, docs),
    responses: responsesOf(components, route, docs),
    'x-codeSamples': [{ lang: 'TypeScript', label: '@outlast/sdk', source: sampleOf(docs) }],
  }
}

/** The credentials of a route, if they are not the usual ones. */
function securityOf(route: RouteOptions): DocumentPart {
  const { access, tokenInQuery } = route.config ?? {}
  if (isPublic(route)) return { security: [] }
  if (access !== 'channel' && !tokenInQuery) return {}
  const schemes = access === 'channel' ? ['bearer'] : ['bearer', 'key', 'cookie']
  const all = tokenInQuery ? [...schemes, 'query'] : schemes
  return { security: all.map((name) => ({ [name]: [] })) }
}

/** The wildcard of a path is named `path`. */
const named = (url: string) => url.replace(/\*$/, ':path')

function sampleOf({ sample }: OperationDocs): string {
  return [
    "import { createOutlast } from '@outlast/sdk'",
    '',
    "const outlast = createOutlast({ url: 'http://localhost:9000', apiKey: 'YOUR_API_KEY' })",
    '',
    sample,
  ].join('\n')
}

function parametersOf({ refer }: Components, route: RouteOptions): DocumentPart[] {
  const { schema, config, url } = route
  const inPath = [...named(url).matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    description: textOfParameter(name === 'id' ? nameOfId(url) : name!),
    schema: { type: 'string' },
    example: parameterExamples[name === 'id' ? nameOfId(url) : name!],
  }))
  const query = (schema?.querystring ?? { properties: {} }) as {
    properties: Record<string, JsonSchema>
  }
  const inQuery = Object.entries(query.properties).map(([name, part]) => {
    const { description, ...rest } = part
    return { name, in: 'query', required: false, description, schema: refer(rest) }
  })
  const header = (name: string) => ({
    name,
    in: 'header',
    required: false,
    description: textOfParameter(name),
    schema: { type: 'string' },
  })
  return [
    ...inPath,
    ...inQuery,
    ...(takesKey(route) ? [header('Idempotency-Key')] : []),
    ...(config?.access === 'channel' ? [header('End-User')] : []),
    ...(schema?.body ? [header('Outlast-Strict')] : []),
    ...(isWrite(route) ? [header('Everruns-Change-Reason')] : []),
    ...(config?.ifMatch ? [header('If-Match')] : []),
    ...(query.properties.since_id ? [header('Last-Event-ID')] : []),
  ]
}

const textOfParameter = (name: string) => parameterTexts[name]

/** Paths of providers and models call their id `id`. */
const nameOfId = (url: string) => (url.includes('llm-models') ? 'model_id' : 'provider_id')

function requestOf({ refer }: Components, route: RouteOptions, docs: OperationDocs): DocumentPart {
  const { body, consumes } = route.schema!
  if (consumes?.includes('multipart/form-data')) {
    return { requestBody: { required: true, content: { 'multipart/form-data': form(refer) } } }
  }
  if (consumes) {
    const content = Object.fromEntries(
      consumes.map((type) => [type, { schema: { type: 'string' }, example: docs.request }]),
    )
    return { requestBody: { required: true, description: 'The file.', content } }
  }
  if (!body) return {}
  const example = docs.request ?? exampleOf(body as JsonSchema)
  return {
    requestBody: {
      required: !route.config?.bodyOptional,
      content: { 'application/json': { schema: refer(body), example } },
    },
  }
}

/** Only images are uploaded as forms. */
const form = (refer: Components['refer']) => ({
  schema: refer(ImageUpload),
  example: { file: binary },
})

const binary = '(the bytes of the image)'

function responsesOf(
  components: Components,
  route: RouteOptions,
  docs: OperationDocs,
): DocumentPart {
  const responses = successesOf(components, route, docs)
  const shared = sharedErrorsOf(route)
  const own = Map.groupBy(docs.errors ?? [], (code) => String(catalogue[code][0]))
  const statuses = new Set([...Object.keys(shared), ...own.keys()])
  for (const status of [...statuses].toSorted()) {
    const general = shared[status]
    const more = (own.get(status) ?? []).filter((code) => !general?.codes.includes(code))
    responses[status] =
      general && more.length === 0
        ? components.shareResponse(general.name, () => errorOf(components, status, general.codes))
        : errorOf(components, status, [...more, ...(general?.codes ?? [])])
  }
  return responses
}

function successesOf(
  { refer }: Components,
  { schema }: RouteOptions,
  docs: OperationDocs,
): DocumentPart {
  const { operationId: id = '', produces, bare } = schema!
  const responses: DocumentPart = {}
  const given = Object.entries((schema?.response ?? {}) as Record<string, JsonSchema>)
  for (const [status, answer] of given) {
    if (!/^2\d\d$/.test(status)) continue
    const example = docs.response ?? exampleOf(answer)
    const content = { 'application/json': { schema: refer(answer), example } }
    responses[status] = { description: phraseOf(status), content }
  }
  if (produces) {
    const frame = frameSchemas[id]
    const bodyOf = (type: string) =>
      frame
        ? { schema: refer(frame()), example: frameExamples[id] }
        : type.startsWith('image/')
          ? { schema: { type: 'string', format: 'binary' }, example: binary }
          : { schema: { type: 'string' }, example: docs.response }
    const bodies = Object.fromEntries(produces.map((type) => [type, bodyOf(type)]))
    const json = (responses['200'] as { content: DocumentPart } | undefined)?.content
    responses['200'] = { description: phraseOf('200'), content: { ...json, ...bodies } }
  }
  if (bare !== undefined || Object.keys(responses).length === 0) {
    const status = String(bare ?? 204)
    responses[status] = { description: phraseOf(status) }
  }
  return responses
}

const phrases: Record<string, string> = {
  200: 'Success.',
  201: 'Created.',
  204: 'Success, without a body.',
  302: 'Redirect.',
}

const phraseOf = (status: string) => phrases[status] ?? `${STATUS_CODES[status]}.`

/** Values for `%s` in the examples of errors. */
const abouts: Partial<Record<ErrorCode, string>> = {
  invalid_request: 'limit must be integer',
  too_many_parameters: '200',
  invalid_id: 'session',
  not_found: 'Session',
  forbidden: 'write',
  body_too_large: '2097152',
  rate_limited: '5',
  unsupported_media_type: 'application/json',
  changed_meanwhile: 'Agent agent_01933b5a000070008000000000000001',
}

function errorOf(
  components: Components,
  status: string,
  codes: readonly ErrorCode[],
): DocumentPart {
  const lines = codes.map((code) => `- \`${code}\`: ${errorSentence(code)}`)
  const examples = Object.fromEntries(
    codes.map((code) => [
      code,
      components.shareExample(code, new ApiError(code, abouts[code] ?? '…').body),
    ]),
  )
  return {
    description: `${STATUS_CODES[status]}.\n\n${lines.join('\n')}`,
    ...(status === '429' || status === '503' ? { headers: retryAfter } : {}),
    content: { 'application/json': { schema: components.refer(ErrorResponse), examples } },
  }
}

const errorSentence = (code: ErrorCode) => catalogue[code][1].replace('%s', '…')

const retryAfter = {
  'Retry-After': {
    description: 'Seconds to wait before the next attempt.',
    schema: { type: 'integer' },
  },
}
