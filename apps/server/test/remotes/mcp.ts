/** Shared by tests of MCP: the reference server, a scripted server, and turns that use them. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { McpServer } from '@outlast/contract'
import { reservePort } from '../../../../test/ports.ts'
import { expectStatus } from '../access.ts'
import { type Call, startServer } from '../server.ts'
import { createAgent, createSession } from '../session.ts'

type After = Pick<TestContext, 'after'>

/** Starts a server whose agents may use MCP servers at 127.0.0.1, and no other private address. */
export const startWithMcp = (t: After, env: Record<string, string> = {}) =>
  startServer(t, { env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1', ...env } })

const everything = fileURLToPath(new URL('everything-child.ts', import.meta.url))

/** Starts the reference server; `stop` ends it like a crash. */
export async function startEverything(t: After) {
  const child: ChildProcess = spawn(process.execPath, [everything], {
    env: { PATH: process.env.PATH, PORT: await reservePort() },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const exited = once(child, 'exit')
  const stop = async () => {
    child.kill('SIGKILL')
    await exited
  }
  t.after(stop)
  let said = ''
  const port = await new Promise<string>((resolve, reject) => {
    child.stdout!.on('data', (chunk) => {
      said += chunk
      const found = /at port (\d+)\./.exec(said)?.[1]
      if (found) resolve(found)
    })
    exited.then(() => reject(new Error(`the reference server ended: ${said}`)))
  })
  return { url: `http://127.0.0.1:${port}/mcp`, stop }
}

export type Rpc = {
  id?: number
  method: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into messages of every shape
  params?: any
}

/** One message of a client, and functions to answer it. */
export type Exchange = {
  message: Rpc
  request: IncomingMessage
  response: ServerResponse
  answer: (result: object, headers?: Record<string, string>) => void
  /** Sends any value as JSON. */
  send: (body: unknown, status?: number) => void
  /** Begins a stream of events; returns a function that writes messages to it. */
  stream: () => (message: object) => void
}

type Handlers = Record<string, (exchange: Exchange) => unknown>

export const textTool = (name: string, more: object = {}) => ({
  name,
  description: `Does ${name}.`,
  inputSchema: { type: 'object', properties: { word: { type: 'string' } } },
  ...more,
})

export const textResult = (text: string) => ({ content: [{ type: 'text', text }] })

/**
 * Starts an MCP server on loopback with `handlers` by method; `GET` and `DELETE` are HTTP methods.
 * Methods without a handler get the default answers of a server with one tool, `say`.
 */
export async function startMcp(t: After, handlers: Handlers = {}, host = '127.0.0.1') {
  const asked: Exchange[] = []
  let sessions = 0
  const decent: Handlers = {
    initialize: ({ message, answer }) => {
      sessions += 1
      const { protocolVersion } = message.params
      const capabilities = { tools: { listChanged: true } }
      const serverInfo = { name: 'decent', version: '1.0.0' }
      const about = { protocolVersion, capabilities, serverInfo }
      answer(about, { 'mcp-session-id': `session-${sessions}` })
    },
    'tools/list': ({ answer }) => answer({ tools: [textTool('say')] }),
    'tools/call': ({ message, answer }) =>
      answer(textResult(`said ${message.params.arguments.word}`)),
    GET: ({ response }) => response.writeHead(405).end(),
    DELETE: ({ response }) => response.writeHead(200).end(),
  }
  const server = createServer(async (request, response) => {
    const body = await readText(request).catch(() => '')
    const message: Rpc = body === '' ? { method: request.method! } : JSON.parse(body)
    const exchange = exchangeOf(message, request, response)
    asked.push(exchange)
    const handle = handlers[message.method] ?? decent[message.method]
    if (handle) handle(exchange)
    else response.writeHead(202).end()
  })
  server.listen(0, host)
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}/mcp`,
    asked,
    /** The messages of a method received so far. */
    heard: (method: string) => asked.filter(({ message }) => message.method === method),
  }
}

function exchangeOf(message: Rpc, request: IncomingMessage, response: ServerResponse): Exchange {
  const send: Exchange['send'] = (body, status = 200) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  return {
    message,
    request,
    response,
    send,
    answer(result, headers = {}) {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
      send({ jsonrpc: '2.0', id: message.id, result })
    },
    stream() {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      return (said) => response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...said })}\n\n`)
    },
  }
}

type Server = { call: Call; url: string }

/** Adds an MCP server; agents name it by `ref`. */
export async function addMcpServer({ call }: Server, url: string, fields: object = {}) {
  const { status, body } = await call('POST', '/v1/mcp-servers', { name: 'tools', url, ...fields })
  assert.equal(status, 201, JSON.stringify(body))
  const server = body as McpServer
  return { ...server, ref: refOf(server.id), path: `/v1/mcp-servers/${server.id}` }
}

/** Adds an MCP server and lists its tools: a turn waits 5 s at most for the first list. */
export async function addListedServer(server: Server, url: string, fields: object = {}) {
  const added = await addMcpServer(server, url, fields)
  await listTools(server, added)
  return added
}

/** Changes the address of an MCP server and lists its tools there. */
export async function moveServer(server: Server, { path }: { path: string }, url: string) {
  expectStatus(await server.call('PATCH', path, { url }), 200)
  await listTools(server, { path })
}

async function listTools({ call }: Server, { path }: { path: string }) {
  const { body } = await call('POST', `${path}/test`)
  assert.equal(body.ok, true, JSON.stringify(body))
}

export const refOf = (id: string) =>
  `mcp:${id.slice('mcp_'.length).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}`

/** Creates a session whose agent has the tools of an MCP server. */
export async function sessionWithMcp(server: Server, ref: string, config?: object) {
  const agent = await createAgent(server, { capabilities: [{ ref, ...(config && { config }) }] })
  return createSession(server, { agent_id: agent.id })
}
