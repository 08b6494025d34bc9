import type { ErrorDetail } from '@outlast/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { unknownFields } from '../../errors.ts'
import { isJsonObject } from '../../json.ts'
import { nearestName } from '../../nearest-name.ts'
import { replayHeader } from './channel-conflicts.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Fields of the body that its schema does not have. */
    unknownFields: ErrorDetail[]
  }
}

const foundMax = 10
const nameLengthMax = 100

/** The parts of a JSON Schema that decide which fields a value may have. */
type Shape = {
  properties?: Record<string, Shape>
  patternProperties?: Record<string, Shape>
  additionalProperties?: unknown
  items?: Shape
  anyOf?: Shape[]
  allOf?: Shape[]
  const?: unknown
  enum?: unknown[]
  type?: string
}

/** Reports unknown fields of a value at a path, until `found` is full. */
type Check = (value: unknown, path: string, found: ErrorDetail[]) => void

const checks = new WeakMap<object, { check: Check | undefined }>()

/** Compiles the check of a schema, once. Undefined: a value of it has no unknown fields. */
function checkOf(shape: Shape): Check | undefined {
  let known = checks.get(shape)
  if (!known) {
    known = { check: compile(shape) }
    checks.set(shape, known)
  }
  return known.check
}

function compile(shape: Shape): Check | undefined {
  const { properties, items, anyOf, allOf, patternProperties } = shape
  if (anyOf) return checkOfUnion(anyOf)
  // Every member of an intersection would have to know a field; today all of them are open.
  if (allOf) return undefined
  if (properties) return checkOfObject(properties, isOpen(shape))
  const [values] = Object.values(patternProperties ?? {})
  if (values) return checkOfEach(checkOf(values))
  return items && checkOfEach(checkOf(items))
}

/** True for a map, whose names are free. */
const isOpen = ({ patternProperties, additionalProperties }: Shape) =>
  patternProperties !== undefined || additionalProperties !== undefined

function checkOfObject(properties: Record<string, Shape>, isOpen: boolean): Check {
  const names = Object.keys(properties)
  const inner = new Map(names.map((name) => [name, checkOf(properties[name]!)]))
  return (value, path, found) => {
    if (!isJsonObject(value)) return
    for (const name of Object.keys(value)) {
      if (found.length >= foundMax) return
      if (inner.has(name)) inner.get(name)?.(value[name], `${path}${name}/`, found)
      else if (!isOpen) found.push(detailOf(path, name, names))
    }
  }
}

function checkOfEach(check: Check | undefined): Check | undefined {
  if (!check) return undefined
  return (value, path, found) => {
    if (typeof value !== 'object' || value === null) return
    for (const [name, item] of Object.entries(value)) {
      if (found.length >= foundMax) return
      check(item, `${path}${name.slice(0, nameLengthMax)}/`, found)
    }
  }
}

/** Checks against the member that the value's own words select, such as its `type`. */
function checkOfUnion(members: Shape[]): Check | undefined {
  const checked = members.filter((member) => checkOf(member) !== undefined)
  if (checked.length === 0) return undefined
  return (value, path, found) => {
    if (typeof value !== 'object' || value === null) return
    const fitting = members.filter((member) => mayBe(member, value))
    if (fitting.length !== 1) return
    checkOf(fitting[0]!)?.(value, path, found)
  }
}

/** False if a value cannot be of a schema because of its type, or of a word that must be fixed. */
function mayBe({ type, properties = {}, ...rest }: Shape, value: object): boolean {
  if (type === undefined) return rest.const === undefined && rest.enum === undefined
  if (type !== (Array.isArray(value) ? 'array' : 'object')) return false
  return Object.entries(properties).every(([name, { const: only, enum: words }]) => {
    const allowed = words ?? (only === undefined ? undefined : [only])
    const given = (value as Record<string, unknown>)[name]
    return allowed === undefined || given === undefined || allowed.includes(given)
  })
}

function detailOf(path: string, name: string, names: string[]): ErrorDetail {
  const meant = nearestName(name, names)
  const hint = meant === undefined ? '' : `. Did you mean \`${meant}\`?`
  return { path: path + name.slice(0, nameLengthMax), message: `is not a known field${hint}` }
}

/** The fields of a value that its schema does not have, at most 10. */
function unknownFieldsOf(schema: object, value: unknown): ErrorDetail[] {
  const found: ErrorDetail[] = []
  checkOf(schema as Shape)?.(value, '', found)
  return found
}

type Responses = Partial<Record<200 | 201, Shape>>

/** Leaves out fields that only responses have: PUT takes back what GET returned. */
function withoutRead(
  body: Record<string, unknown>,
  { properties = {} }: Shape,
  is: Responses = {},
) {
  const read = new Set([is[200], is[201]].flatMap((shape) => Object.keys(shape?.properties ?? {})))
  const isSent = (name: string) => Object.hasOwn(properties, name) || !read.has(name)
  return Object.fromEntries(Object.entries(body).filter(([name]) => isSent(name)))
}

/**
 * Refuses unknown fields of a body when the client sends `Outlast-Strict: true`. Otherwise the
 * response lists them in `warnings`.
 */
export function watchUnknownFields(app: FastifyInstance): void {
  app.decorateRequest('unknownFields')
  app.addHook('preValidation', (request, _reply, done) => {
    const { body: schema, response } = request.routeOptions.schema ?? {}
    if (!schema) return done()
    request.unknownFields = unknownFieldsOf(schema as object, request.body)
    const { body, method } = request
    if (request.unknownFields.length > 0 && method === 'PUT' && isJsonObject(body)) {
      const sent = withoutRead(body, schema as Shape, response as Responses | undefined)
      request.unknownFields = unknownFieldsOf(schema as object, sent)
    }
    const refused = isStrict(request) && request.unknownFields.length > 0
    done(refused ? unknownFields(request.unknownFields) : undefined)
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    done(null, hasWarnings(request, reply) ? addWarnings(request, payload) : payload)
  })
}

const isStrict = ({ headers }: FastifyRequest) => headers['outlast-strict'] === 'true'

/** A replayed response has the warnings of the first one. */
const hasWarnings = (request: FastifyRequest, reply: FastifyReply) =>
  request.unknownFields?.length > 0 &&
  reply.statusCode < 400 &&
  !reply.hasHeader(replayHeader(request))

function addWarnings({ unknownFields }: FastifyRequest, payload: unknown): unknown {
  if (typeof payload !== 'string' || !payload.startsWith('{')) return payload
  const body = JSON.parse(payload) as { warnings?: string[] }
  const added = unknownFields.map(({ path, message }) => `\`${path}\` ${message}`)
  return JSON.stringify({ ...body, warnings: [...(body.warnings ?? []), ...added] })
}
