/** Sends requests exactly as written, malformed ones included, and checks the responses. */
import assert from 'node:assert/strict'
import http from 'node:http'
import { Compile, type Validator } from 'typebox/compile'
import { catalogue } from '../../apps/server/src/errors.ts'

export type JsonSchema = { [key: string]: unknown }
type Content = {
  content?: Record<string, { schema: JsonSchema; examples?: Record<string, unknown> }>
}

export type Operation = {
  method: string
  path: string
  operationId: string
  parameters: { name: string; in: string; schema: JsonSchema }[]
  requestBody?: Content & { required: boolean }
  responses: Record<string, Content>
}

type Document = {
  paths: Record<string, Record<string, Omit<Operation, 'method' | 'path'>>>
  components: Record<string, Record<string, unknown>>
}

/** The operations of an OpenAPI document with resolved references. */
export function operationsOf(document: Document): Operation[] {
  function whole(node: unknown): unknown {
    if (Array.isArray(node)) return node.map(whole)
    if (typeof node !== 'object' || node === null) return node
    const { $ref } = node as { $ref?: unknown }
    if (typeof $ref === 'string') {
      const [kind, name] = $ref.split('/').slice(2) as [string, string]
      return whole(document.components[kind]![name])
    }
    return Object.fromEntries(Object.entries(node).map(([key, part]) => [key, whole(part)]))
  }
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      return { ...(whole(operation) as Operation), method: method.toUpperCase(), path }
    }),
  )
}

export const jsonOf = ({ content }: Content) => content?.['application/json']?.schema

const validators = new WeakMap<JsonSchema, Validator>()

export function fits(schema: JsonSchema, value: unknown): boolean {
  const validator = validators.get(schema) ?? Compile(schema)
  validators.set(schema, validator)
  return validator.Check(value)
}

/** A request as it is sent. */
export type Sent = {
  method: string
  path: string
  headers: Record<string, string | string[]>
  body?: string | Buffer
}

export type Got = { status: number; headers: http.IncomingHttpHeaders; text: string }

/** Limit for hangs, on a busy machine. */
const answerMs = 120_000

export type Client = { send: (sent: Sent) => Promise<Got>; close: () => void }

/** Contract: rejects without a whole response in time. Of a stream only its first frame is read. */
export function openClient(url: string): Client {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 })
  const { hostname, port } = new URL(url)

  const send = ({ body, headers, ...sent }: Sent) =>
    new Promise<Got>((resolve, reject) => {
      const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
      const all = { ...headers, ...length }
      const request = http.request({ ...sent, headers: all, agent, hostname, port })
      const timer = setTimeout(() => {
        request.destroy(new Error(`no response after ${answerMs} ms`))
      }, answerMs)
      const done = (got: Got) => {
        clearTimeout(timer)
        resolve(got)
      }
      request.on('error', (error) => {
        clearTimeout(timer)
        reject(error)
      })
      request.on('response', (response) => {
        const { statusCode: status = 0, headers } = response
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk) => {
          text += chunk
          if (!isStream(headers) || !text.includes('\n\n')) return
          done({ status, headers, text })
          request.destroy()
        })
        response.on('end', () => done({ status, headers, text }))
      })
      request.end(body)
    })

  return { send, close: () => agent.destroy() }
}

const isStream = (headers: http.IncomingHttpHeaders) =>
  headers['content-type']?.startsWith('text/event-stream') ?? false

/** A response with status 400 or above that clients can parse, and that is not a server error. */
export function judgeError({ status, headers, text }: Got): void {
  assert.ok(status >= 400 && status < 500, `status ${status}`)
  assert.match(String(headers['content-type']), /^application\/json/)
  assert.match(String(headers['x-request-id']), /^[\w.-]+$/)
  const body = JSON.parse(text) as { error: unknown; code: keyof typeof catalogue }
  assert.equal(typeof body.error, 'string')
  assert.notEqual(body.error, '')
  assert.equal(catalogue[body.code]?.[0], status, `${body.code} answered with ${status}`)
}

/** Error codes that are allowed for every operation. */
const anywhere = /"code":"(route_not_found|method_not_allowed|headers_too_large|invalid_request)"/

/** A response that the operation's document declares. */
export function judge(operation: Operation, sent: Sent, got: Got): void {
  const promised = operation.responses[got.status]
  if (got.status >= 400) {
    judgeError(got)
    if (anywhere.test(got.text)) return
    assert.ok(promised, `status ${got.status} is not documented`)
    const { code } = JSON.parse(got.text) as { code: string }
    const codes = promised.content?.['application/json']?.examples ?? {}
    assert.ok(code in codes, `${code} is not documented`)
    return
  }
  assert.ok(promised, `status ${got.status} is not documented`)
  assert.match(String(got.headers['x-request-id']), /^[\w.-]+$/)
  const types = Object.keys(promised.content ?? {})
  if (types.length === 0) assert.equal(got.text, '')
  else assert.ok(types.some((type) => got.headers['content-type']?.startsWith(type)))
  const schema = jsonOf(promised)
  if (schema && schema.type !== 'string') {
    assert.ok(fits(schema, JSON.parse(got.text)), 'the response is not as documented')
  }
  const { requestBody } = operation
  const wanted = requestBody && jsonOf(requestBody)
  const text = String(sent.body ?? 'null').trim()
  const none = !requestBody?.required && (text === 'null' || text === '')
  if (wanted && !none) {
    assert.ok(fits(wanted, JSON.parse(String(sent.body))), 'an invalid body was accepted')
  }
}
