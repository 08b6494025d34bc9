/** For the search for leaked secrets: all responses, and providers that record their requests. */
import { randomBytes } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import pg from 'pg'

/** A secret that the search finds in any text. */
export const canary = (name: string) => `canary-${name}-${randomBytes(12).toString('hex')}`

/**
 * Length of the part of a secret that counts as a leak. In a token it is a part of the signature.
 */
const tellingLength = 16

export const tellingPart = (secret: string) => secret.slice(-tellingLength)

/** `handedOut`: secrets that this response is expected to contain. */
type Heard = { what: string; text: () => string; handedOut: string[] }

/** Operations that return secrets, and the fields of their responses that hold them. */
const handing: [method: string, path: RegExp, fields: string[]][] = [
  ['POST', /^(\/api)?\/v1\/auth\/(login|register|refresh)$/, ['access_token', 'refresh_token']],
  ['POST', /^(\/api)?\/v1\/auth\/api-keys$/, ['key']],
  ['POST', /^(\/api)?\/v1\/sessions\/[^/]+\/tokens$/, ['token']],
  ['POST', /^(\/api)?\/v1\/tokens$/, ['token']],
  ['POST', /^(\/api)?\/v1\/orgs\/[^/]+\/invitations$/, ['token']],
]

/** Records every response of `fetch` until the test ends, and adds the secrets in them. */
export function recordAnswers(t: Pick<TestContext, 'after'>) {
  const heard: Heard[] = []
  const reading: Promise<void>[] = []
  const original = globalThis.fetch
  t.after(() => {
    globalThis.fetch = original
  })
  globalThis.fetch = async (...[input, init]: Parameters<typeof fetch>) => {
    const response = await original(input, init)
    const { pathname } = new URL(String(input))
    const method = init?.method ?? 'GET'
    const answer = { what: `${method} ${pathname} ${response.status}`, body: '' }
    const head = JSON.stringify([...response.headers])
    const one: Heard = { what: answer.what, text: () => head + answer.body, handedOut: [] }
    heard.push(one)
    reading.push(
      read(response.clone(), answer).then(() => {
        one.handedOut = secretsIn(method, pathname, { head, body: answer.body })
      }),
    )
    return response
  }
  return { heard, complete: async () => void (await Promise.all(reading)) }
}

async function read(response: Response, into: { body: string }) {
  try {
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      into.body += chunk
    }
  } catch {
    // Closed by the test; the data received until then was recorded.
  }
}

function secretsIn(method: string, path: string, { head, body }: { head: string; body: string }) {
  const state = /oauth_state=([\w-]{20,})/.exec(head)?.[1]
  const row = handing.find(([verb, pattern]) => verb === method && pattern.test(path))
  if (!row || !body.startsWith('{')) return state ? [state] : []
  const fields = JSON.parse(body) as Record<string, unknown>
  return row[2].map((name) => fields[name]).filter((value) => typeof value === 'string')
}

/** Servers that repeat our secrets in errors of every kind. */
export async function startGossip(t: Pick<TestContext, 'after'>): Promise<string> {
  const server = http.createServer(async (request, response) => {
    const body = await text(request).catch(() => undefined)
    // Ignores requests that the client aborted.
    if (body === undefined) return
    const told = `${request.headers.authorization} ${request.headers['x-api-key'] ?? ''} ${body}`
    gossip(request, response, { url: url(), told })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return url()
}

function gossip(
  { url: path = '' }: http.IncomingMessage,
  response: http.ServerResponse,
  { url, told }: { url: string; told: string },
) {
  const json = (status: number, body: object) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  const message = `Incorrect API key provided: ${told}`
  if (path.endsWith('/.well-known/openid-configuration')) {
    return json(200, {
      issuer: url,
      authorization_endpoint: `${url}/authorize`,
      token_endpoint: `${url}/token`,
      jwks_uri: `${url}/jwks`,
      response_types_supported: ['code'],
    })
  }
  if (path.startsWith('/v401')) {
    return json(401, { error: { message, type: 'invalid_request_error', code: 'invalid_api_key' } })
  }
  if (path.startsWith('/v500')) return void response.writeHead(500).end(`<p>${message}</p>`)
  if (path.startsWith('/vcut')) return void response.destroy()
  if (path.startsWith('/vnonsense')) return void response.writeHead(200).end(`{${message}`)
  if (path.startsWith('/vmidway')) {
    const error = { error: { message, type: 'server_error', code: 'server_error' } }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    return void response.end(`data: ${JSON.stringify(error)}\n\n`)
  }
  json(400, { error: 'invalid_client', error_description: message })
}

/** A database role with a unique password, on a test database. */
export async function withPassword(
  t: { after: (work: () => unknown) => unknown },
  databaseUrl: string,
  password: string,
) {
  const role = `canary_${randomBytes(6).toString('hex')}`
  await rowsOf(databaseUrl, `create role ${role} superuser login password '${password}'`)
  const admin = new URL(databaseUrl)
  admin.pathname = '/postgres'
  t.after(() => rowsOf(admin.href, `drop role if exists ${role}`))
  const url = new URL(databaseUrl)
  url.username = role
  url.password = password
  return url.href
}

export async function rowsOf(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** All rows of the database as text, by table. */
export async function dump(url: string): Promise<Map<string, string>> {
  const tables = await rowsOf(
    url,
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema')`,
  )
  const texts = new Map<string, string>()
  for (const { name } of tables) {
    const rows = await rowsOf(
      url,
      `select row_to_json(each_row.*)::text as row from ${name} each_row`,
    )
    texts.set(String(name), rows.map(({ row }) => row).join('\n'))
  }
  return texts
}
