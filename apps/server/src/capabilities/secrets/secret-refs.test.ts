import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Event } from '@outlast/contract'
import { type ServerProcess, startProcess } from '../../../../../test/process.ts'
import { expectStatus } from '../../../test/access.ts'
import { createTestDatabase, queryRows } from '../../../test/database.ts'
import { beforeAll } from '../../../test/hooks.ts'
import {
  addListedServer,
  type Exchange,
  moveServer,
  refOf,
  startMcp,
  textResult,
  textTool,
} from '../../../test/remotes/mcp.ts'
import { startReceiver } from '../../../test/remotes/otlp.ts'
import { type Page, page, redirect, startSite } from '../../../test/remotes/site.ts'
import { converse, createAgent, createSession, dataOf, scripted } from '../../../test/session.ts'

const token = 'ghp_A1/b+c=d_"e&f<é'.slice(0, -1)
const password = `pass_wörd ${'x'.repeat(20)}\n*y*`
const digits = '9007199254740'

let server: ServerProcess
let databaseUrl: string
let receiver: Awaited<ReturnType<typeof startReceiver>>

beforeAll(async (t) => {
  databaseUrl = await createTestDatabase(t as TestContext)
  receiver = await startReceiver(t as TestContext)
  server = await startProcess({
    DATABASE_URL: databaseUrl,
    LOG_LEVEL: 'debug',
    PRIVATE_HOSTS_ALLOWED: '127.0.0.1',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
  })
  ;(t as TestContext).after(() => server.crash())
})

type Use = { ref: string; config: object }

async function sessionOf(use: Use, secrets: Record<string, string>) {
  const agent = await createAgent(server, { capabilities: [use] })
  const { id } = await createSession(server, { agent_id: agent.id })
  await store(id, secrets)
  return id
}

async function store(id: string, secrets: Record<string, string>) {
  if (Object.keys(secrets).length === 0) return
  expectStatus(await server.call('PUT', `/v1/sessions/${id}/storage/secrets`, { secrets }), 200)
}

/** Makes the model call a tool once; returns the outcome and all events. */
async function called(t: TestContext, id: string, name: string, input: object) {
  const text = scripted({ tool_calls: [{ name, arguments: input }] }, { text: 'done' })
  const events = await converse(t, server, id, text)
  const outcome = dataOf(events, 'tool.completed')
  const [part] = outcome.result ?? []
  const result = part?.type === 'text' ? JSON.parse(part.text) : undefined
  return { events, outcome, result }
}

/** All ways in which a server may write a text. */
function formsOf(text: string): string[] {
  const bytes = Buffer.from(text)
  const html = text.replace(/[&<>"]/g, (mark) => `&#${mark.charCodeAt(0)};`)
  return [
    text,
    `%${text}`,
    JSON.stringify({ text }),
    encodeURIComponent(text),
    encodeURIComponent(text).replace(/%../g, (hex) => hex.toLowerCase()),
    html,
    text.replace(/[_*/]/g, '\\$&'),
    [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    ...['', 'a', 'ab', 'user:'].flatMap((before) =>
      (['base64', 'base64url'] as const).map((encoding) =>
        Buffer.from(`${before}${text} and more`).toString(encoding),
      ),
    ),
    encodeURIComponent(bytes.toString('base64')),
  ]
}

/** What must not be found anywhere. */
function assertAbsent(where: string, text: string) {
  const bytes = Buffer.from(text)
  const needles = [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text),
    bytes.toString('hex'),
    bytes.toString('base64').replace(/.?=*$/, ''),
  ]
  for (const needle of needles) {
    const at = where.indexOf(needle)
    assert.equal(at, -1, `…${where.slice(Math.max(0, at - 80), at + 80)}…`)
  }
}

/** Checks the events, the whole database, the output of the server and its spans. */
async function assertNowhere(events: readonly Event[], text: string) {
  assertAbsent(JSON.stringify(events), text)
  assertAbsent(server.output(), text)
  const { turn_id: turnId } = dataOf(events as Event[], 'turn.completed')
  await receiver.trace(turnId!)
  const spans = receiver.spans.map((span) => ({ ...span, start: 0, end: 0, events: [] }))
  assertAbsent(JSON.stringify(spans), text)
  const tables = await queryRows<{ name: string }>(
    databaseUrl,
    `select quote_ident(table_schema) || '.' || quote_ident(table_name) as name
    from information_schema.tables
    where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'`,
  )
  for (const { name } of tables) {
    const rows = await queryRows<{ row: string }>(
      databaseUrl,
      `select t::text as row from ${name} t`,
    )
    for (const { row } of rows) assertAbsent(row, text)
  }
}

const webWith = (origin: string, more: object = {}) => ({
  ref: 'web_fetch',
  config: {
    secret_headers: [
      { origin, header: 'authorization', prefix: 'Bearer ', secret_ref: 'session:token' },
    ],
    ...more,
  },
})

const asText = (body: string, headers: Record<string, string> = {}) =>
  page(body, { 'content-type': 'text/plain; charset=utf-8', ...headers })

test('a page of the origin gets the header, and its echo in any form is removed', async (t) => {
  const echo: Page = ({ headers }, response) => {
    const { authorization = '' } = headers
    const sent = authorization.replace('Bearer ', '')
    response.writeHead(200, {
      'content-type': `text/plain; x=${encodeURIComponent(sent)}`,
      'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(sent)}`,
      'last-modified': sent,
    })
    response.end([authorization, ...formsOf(sent)].join('\n'))
  }
  const site = await startSite(t, { '/echo': echo })
  const id = await sessionOf(webWith(site.url), { token })
  const { events, result } = await called(t, id, 'web_fetch', { url: `${site.url}/echo` })
  assert.equal(site.asked[0]!.headers.authorization, `Bearer ${token}`)
  assert.equal(result.content.split('[secret]').length - 1, formsOf(token).length + 1)
  assert.equal(result.last_modified, '[secret]')
  await assertNowhere(events, token)
  const head = await called(t, id, 'web_fetch', { url: `${site.url}/echo`, method: 'HEAD' })
  assert.equal(head.result.filename, '[secret]')
  await assertNowhere(head.events, token)
})

test('no other address gets the header: hosts, ports, redirects', async (t) => {
  const other = await startSite(t, { '/': asText('other') })
  const site = await startSite(t, {
    '/away': redirect(`${other.url}/`),
    '/leak': ({ headers }, response) =>
      response
        .writeHead(302, { location: `${other.url}/?${encodeURIComponent(headers.authorization!)}` })
        .end(),
  })
  const id = await sessionOf(webWith(site.url), { token })
  for (const url of [`${other.url}/`, `${site.url}/away`, site.url.replace('127.0.0.1', '127.1')]) {
    await called(t, id, 'web_fetch', { url })
  }
  assert.deepEqual(
    other.asked.map(({ headers }) => headers.authorization),
    [undefined, undefined],
  )
  const { events, result } = await called(t, id, 'web_fetch', { url: `${site.url}/leak` })
  assert.match(result.redirected_to, /\?Bearer%20\[secret\]$/)
  await assertNowhere(events, token)
  const port = new URL(other.url).port
  const tricks = [`${site.url}@127.0.0.1:${port}/`, `http://127.0.0.1:${port}/#${site.url}`]
  for (const url of tricks) await called(t, id, 'web_fetch', { url })
  assert.ok(other.asked.every(({ headers }) => headers.authorization === undefined))
})

test('a page that ends inside a secret shows no part of it, and Markdown does not hide one', async (t) => {
  const long = 't_o*k'.repeat(20)
  const site = await startSite(t, {
    '/cut': asText(`${'x'.repeat(1_000)}${long}`),
    '/many': asText(`${'y'.repeat(480)}${long}${'z'.repeat(500)}`),
    '/page': page(`<h1>Hello</h1><p>Key ${long} and <i>${long}</i></p>`),
  })
  const limits = { bytes_max: 1_024, content_length_max: 500 }
  const id = await sessionOf(webWith(site.url, limits), { token: long })
  for (const name of ['cut', 'many', 'page']) {
    const input = { url: `${site.url}/${name}`, as_markdown: true }
    const { result } = await called(t, id, 'web_fetch', input)
    assert.doesNotMatch(JSON.stringify(result), /t\\*_?o/, name)
  }
})

test('a secret that is missing or cannot be sent fails the call with its code', async (t) => {
  const site = await startSite(t, { '/': asText('hello') })
  const cases = [
    [{}, 'secret_missing'],
    [{ token: 'sh0rt!~' }, 'secret_unusable'],
    [{ token: 'x'.repeat(8_193) }, 'secret_unusable'],
    [{ token: 'two lines\r\nx-injected: 1' }, 'secret_unusable'],
    [{ token: 'not ASCII: привіт' }, 'secret_unusable'],
  ] as const
  for (const [secrets, code] of cases) {
    const id = await sessionOf(webWith(site.url), secrets)
    const { events, outcome } = await called(t, id, 'web_fetch', { url: `${site.url}/` })
    assert.deepEqual([outcome.status, outcome.error_code], ['error', code])
    for (const secret of Object.values(secrets)) await assertNowhere(events, secret)
    const free = await called(t, id, 'web_fetch', { url: 'http://127.0.0.1:1/' })
    assert.equal(free.outcome.error_code, undefined, 'other origins need no secret')
  }
  assert.deepEqual(site.asked, [])
})

test('a session cannot add places of secrets, and the config must name an origin', async (t) => {
  const agent = await createAgent(server, { capabilities: [{ ref: 'web_fetch' }] })
  const capabilities = [webWith('https://evil.example')]
  const widened = await server.call('POST', '/v1/sessions', { agent_id: agent.id, capabilities })
  expectStatus(widened, 400, 'session_widens_agent')
  const place = { origin: 'https://a.example', header: 'x-key', secret_ref: 'session:token' }
  const wrong = [
    { ...place, origin: 'https://a.example/path' },
    { ...place, origin: 'https://*.example' },
    { ...place, origin: 'file://a' },
    { ...place, origin: 'https://user:secret@a.example' },
    { ...place, header: 'host' },
    { ...place, header: 'x-a\r\nx-b' },
    { ...place, secret_ref: 'token' },
    { ...place, secret_ref: 'session:' },
    { ...place, secret_ref: 'org:token' },
    { ...place, prefix: 'a\nb' },
  ]
  for (const one of wrong) {
    const uses = [{ ref: 'web_fetch', config: { secret_headers: [one] } }]
    const answer = await server.call('POST', '/v1/agents', { name: 'A', capabilities: uses })
    expectStatus(answer, 400, 'invalid_request')
  }
  assert.ok(t)
})

const login = textTool('login', {
  inputSchema: {
    type: 'object',
    properties: { user: { type: 'string' }, password: { type: 'string', description: 'Secret.' } },
    required: ['user', 'password'],
  },
})

let servers = 0

async function mcpWith(
  t: TestContext,
  onCall: (exchange: Exchange) => unknown,
  secrets: Record<string, string>,
) {
  const mcp = await startMcp(t, {
    'tools/list': ({ answer }) => answer({ tools: [login, textTool('say')] }),
    'tools/call': onCall,
  })
  servers += 1
  const name = `s${servers}`
  const added = await addListedServer(server, mcp.url, { name })
  const { origin } = new URL(mcp.url)
  const config = {
    secret_headers: [{ origin, header: 'x-token', secret_ref: 'session:token' }],
    secret_arguments: [
      { origin, tool: 'login', argument: 'password', secret_ref: 'session:password' },
      { origin, tool: 'login', argument: 'pin', secret_ref: 'session:digits' },
    ],
  }
  const id = await sessionOf({ ref: refOf(added.id), config }, secrets)
  return { mcp, added, id, tool: (tool: string) => `mcp_${name}__${tool}` }
}

const all = { token, password, digits }
const passwordRef = { secret_ref: 'session:password' }
const pinRef = { secret_ref: 'session:digits' }

test('an MCP server gets secrets in arguments and headers, and its echo is removed', async (t) => {
  const { mcp, id, tool } = await mcpWith(
    t,
    ({ message, request, stream, response }) => {
      const { password: given, pin } = message.params.arguments
      const send = stream()
      const { progressToken } = message.params._meta
      const sent = String(request.headers['x-token'])
      const params = { progressToken, progress: 1, message: `Trying ${given}` }
      send({ method: 'notifications/progress', params })
      const structuredContent = { [`key ${given}`]: { pin: Number(pin), list: [Number(pin)] } }
      const text = [...formsOf(given), ...formsOf(sent)].join('\n')
      const parts = [text, JSON.stringify(structuredContent)]
      const content = parts.map((text) => ({ type: 'text', text }))
      const data = Buffer.from(`a file with ${given}`).toString('base64')
      const blob = { type: 'resource', resource: { uri: `x:${sent}`, blob: data } }
      send({ id: message.id, result: { content: [...content, blob], structuredContent } })
      response.end()
    },
    all,
  )
  const given = { user: 'ada', password: passwordRef, pin: pinRef }
  const { events, result } = await called(t, id, tool('login'), given)
  const [call] = mcp.heard('tools/call')
  assert.deepEqual(call!.message.params.arguments, { user: 'ada', password, pin: digits })
  assert.equal(call!.request.headers['x-token'], token)
  assert.deepEqual(dataOf(events, 'tool.started').tool_call.arguments, given)
  const removed = result.content[0].text.split('[secret]').length - 1
  assert.equal(removed, formsOf(password).length + formsOf(token).length)
  assert.match(dataOf(events, 'tool.progress').message!, /Trying \[secret\]/)
  for (const secret of Object.values(all)) await assertNowhere(events, secret)
  const { tools } = expectStatus(await server.call('GET', `/v1/sessions/${id}/preview`), 200)
  const shown = tools.find(({ name }: { name: string }) => name === tool('login')).parameters
  assert.deepEqual(shown.properties.password.properties.secret_ref.enum, ['session:password'])
  assert.match(shown.properties.password.description, /^Secret\./)
})

test('errors of an MCP server, and later results, have no secrets', async (t) => {
  let count = 0
  const { id, tool } = await mcpWith(
    t,
    ({ message, send, answer, response }) => {
      count += 1
      if (count === 1)
        return answer({ ...textResult(`Not ${message.params.arguments.password}`), isError: true })
      if (count === 2)
        return send({ jsonrpc: '2.0', id: message.id, error: { code: 5, message: `${password}!` } })
      if (count === 3) return response.writeHead(500).end(`Failed for ${password} and ${token}`)
      answer(textResult(`You are ${password}`))
    },
    all,
  )
  const given = { user: 'ada', password: passwordRef }
  for (const pattern of [/^Not \[secret\]/, /\[secret\]!/, /\[secret\] and \[secret\]/]) {
    const { events, outcome } = await called(t, id, tool('login'), given)
    assert.match(outcome.error!, pattern)
    for (const secret of Object.values(all)) await assertNowhere(events, secret)
  }
  const later = await called(t, id, tool('say'), { word: 'who' })
  assert.deepEqual(later.result, { result: 'You are [secret]' })
})

test('a reference at any other place sends nothing', async (t) => {
  const { mcp, id, tool } = await mcpWith(t, ({ answer }) => answer(textResult('x')), all)
  let deep: object = passwordRef
  for (let depth = 0; depth < 490; depth += 1) deep = depth % 2 ? [deep] : { deep }
  const refused: [string, object][] = [
    ['login', { user: passwordRef, password: passwordRef }],
    ['login', { password: { secret_ref: 'session:token' } }],
    ['login', { password: { secret_ref: 'session:other' } }],
    ['login', { password: { ...passwordRef, more: 1 } }],
    ['login', { password: [passwordRef] }],
    ['login', { user: { name: passwordRef } }],
    ['login', { user: deep }],
    ['login', { user: Array(20_000).fill({ a: 1 }).concat(passwordRef) }],
    ['say', { word: passwordRef }],
    ['say', { password: passwordRef }],
  ]
  for (const [name, input] of refused) {
    const { outcome } = await called(t, id, tool(name), input)
    assert.equal(outcome.error_code, 'secret_not_allowed', JSON.stringify(input).slice(0, 100))
  }
  assert.deepEqual(mcp.heard('tools/call'), [])
  const plain = await called(t, id, tool('login'), { user: 'session:password', password: 'mine' })
  assert.equal(plain.outcome.status, 'success', 'texts are texts')
  const [call] = mcp.heard('tools/call')
  assert.deepEqual(call!.message.params.arguments, { user: 'session:password', password: 'mine' })
})

test('a new value counts at once, and secrets of other sessions and addresses are not sent', async (t) => {
  const { mcp, added, id, tool } = await mcpWith(t, ({ answer }) => answer(textResult('x')), all)
  const given = { user: 'ada', password: passwordRef }
  await called(t, id, tool('login'), given)
  await store(id, { token: 'another_token', password: 'another password' })
  await called(t, id, tool('login'), given)
  const [, second] = mcp.heard('tools/call')
  assert.equal(second!.request.headers['x-token'], 'another_token')
  assert.equal(second!.message.params.arguments.password, 'another password')
  const session = expectStatus(await server.call('GET', `/v1/sessions/${id}`), 200)
  const other = await createSession(server, { agent_id: session.agent_id })
  const missing = await called(t, other.id, tool('login'), given)
  assert.equal(missing.outcome.error_code, 'secret_missing')
  const moved = await startMcp(t, { 'tools/list': ({ answer }) => answer({ tools: [login] }) })
  await moveServer(server, added, moved.url)
  const elsewhere = await called(t, id, tool('login'), given)
  assert.equal(elsewhere.outcome.error_code, 'secret_not_allowed')
  assert.deepEqual([moved.heard('tools/call').length, mcp.heard('tools/call').length], [0, 2])
})
