import { STATUS_CODES } from 'node:http'
import { ErrorResponse } from '@outlast/contract'
import type { RouteOptions } from 'fastify'
import type { TSchema } from 'typebox'

type Json = Record<string, unknown>

/** How callers say who they are, where that is asked. */
const securitySchemes = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'An access token, a session token or an API key.',
  },
  key: {
    type: 'apiKey',
    in: 'header',
    name: 'Authorization',
    description: 'An API key without a scheme, or after `ApiKey`.',
  },
  cookie: { type: 'apiKey', in: 'cookie', name: 'access_token' },
}

/** A document in the making: routes are added as they are registered. */
export type OpenApi = { document: Json; add: (route: RouteOptions) => void }

/** Makes the OpenAPI 3.1 document from the request schemas. Those with a `title` are components. */
export function createOpenApi(version: string): OpenApi {
  const schemas: Record<string, Json> = {}
  const paths: Record<string, Json> = {}
  const document: Json = {
    openapi: '3.1.0',
    info: {
      title: 'Outlast',
      version,
      description: 'Durable sessions for AI agents.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }, { url: '/api' }],
    paths,
    components: { schemas, securitySchemes },
    security: [{ bearer: [] }, { key: [] }, { cookie: [] }],
  }

  /** A schema with its named parts as references. */
  function refer(node: unknown): unknown {
    if (Array.isArray(node)) return node.map(refer)
    if (typeof node !== 'object' || node === null) return node
    const { title } = node as { title?: unknown }
    if (typeof title !== 'string') return parts(node)
    schemas[title] ??= {}
    if (Object.keys(schemas[title]).length === 0) Object.assign(schemas[title], parts(node))
    return { $ref: `#/components/schemas/${title}` }
  }
  const parts = (node: object) =>
    Object.fromEntries(Object.entries(node).map(([key, value]) => [key, refer(value)]))

  const body = (schema: TSchema, type = 'application/json') => ({
    content: { [type]: { schema: refer(schema) } },
  })

  function add(route: RouteOptions) {
    const { schema, method, url } = route
    if (!schema?.operationId || schema.hide || method === 'HEAD') return
    const path = named(url).replace(/:(\w+)/g, '{$1}')
    paths[path] ??= {}
    paths[path][String(method).toLowerCase()] = {
      operationId: schema.operationId,
      ...(schema.summary && { summary: schema.summary }),
      ...(schema.tags && { tags: schema.tags }),
      ...(isPublic(route) && { security: [] }),
      parameters: parametersOf(route, refer),
      ...(schema.body ? { requestBody: requestBodyOf(route, body) } : {}),
      ...(schema.consumes && { requestBody: { required: true, content: texts(schema.consumes) } }),
      responses: responsesOf(route, body),
    }
  }

  return { document, add }
}

/** What stands for the rest of a path has a name too. */
const named = (url: string) => url.replace(/\*$/, ':path')

function parametersOf(
  { url, schema, method, config }: RouteOptions,
  refer: (node: unknown) => unknown,
) {
  const inPath = [...named(url).matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const query = (schema?.querystring ?? { properties: {} }) as {
    properties: Record<string, TSchema>
  }
  const inQuery = Object.entries(query.properties).map(([name, part]) => ({
    name,
    in: 'query',
    required: false,
    schema: refer(part),
  }))
  const header = (name: string) => ({
    name,
    in: 'header',
    required: false,
    schema: { type: 'string' },
  })
  return [
    ...inPath,
    ...inQuery,
    ...(method === 'POST' ? [header('Idempotency-Key')] : []),
    ...(config?.ifMatch ? [header('If-Match')] : []),
  ]
}

const isPublic = ({ url, config }: RouteOptions) =>
  !url.startsWith('/v1/') || config?.access === 'public'

const texts = (types: string[]) =>
  Object.fromEntries(types.map((type) => [type, { schema: { type: 'string' } }]))

type Body = (schema: TSchema, type?: string) => object

const requestBodyOf = ({ schema, config }: RouteOptions, body: Body) => ({
  required: !config?.bodyOptional,
  ...body(schema!.body as TSchema),
})

function responsesOf(route: RouteOptions, body: Body) {
  const { schema, url, method } = route
  const given = schema?.response as Record<string, TSchema>
  const good = Object.entries(given).filter(([status]) => /^\d+$/.test(status))
  const responses: Json = {}
  for (const [status, answer] of good) {
    responses[status] = { description: STATUS_CODES[status], ...body(answer) }
  }
  if (schema?.produces) responses['200'] = { description: 'OK', content: texts(schema.produces) }
  if (Object.keys(responses).length === 0) {
    const status = String(schema?.bare ?? 204)
    responses[status] = { description: STATUS_CODES[status] }
  }
  const bad = [
    ...(schema?.body || schema?.querystring || url.includes(':') || method === 'POST' ? [400] : []),
    ...(isPublic(route) && !url.startsWith('/v1/auth/') ? [] : [401]),
    403,
    ...(url.includes(':') || url.startsWith('/v1/auth/') ? [404] : []),
    ...(method !== 'GET' || url.startsWith('/v1/auth/') || url.endsWith('/sse') ? [409] : []),
    ...(route.config?.ifMatch ? [412] : []),
    ...(method === 'GET' ? [] : [413, 415]),
    ...(url.startsWith('/v1/') ? [429] : []),
    400,
    431,
    500,
    503,
  ]
  for (const status of bad) {
    responses[status] ??= { description: STATUS_CODES[status], ...body(ErrorResponse) }
  }
  return responses
}
