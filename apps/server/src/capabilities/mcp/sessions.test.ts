import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../test/hooks.ts'
import {
  addListedServer,
  addMcpServer,
  type Exchange,
  moveServer,
  sessionWithMcp,
  startEverything,
  startMcp,
  startWithMcp,
  textResult,
  textTool,
} from '../../../test/remotes/mcp.ts'
import { converse, createAgent, createSession, eventsOf, scripted } from '../../../test/session.ts'
import { useTools, useToolsAtOnce } from '../../../test/tool-session.ts'

type Server = Awaited<ReturnType<typeof startWithMcp>>

let server: Server
let count = 0

beforeAll(async (t) => {
  server = await startWithMcp(t as TestContext)
})

/** Starts an MCP server and a session that uses it; returns the name of its tool. */
async function open(t: TestContext, handlers: Parameters<typeof startMcp>[1] = {}, at = server) {
  const mcp = await startMcp(t, handlers)
  count += 1
  const added = await addListedServer(at, mcp.url, { name: `s${count}` })
  const session = await sessionWithMcp(at, added.ref)
  return { mcp, added, session, say: `mcp_s${count}__say` }
}

const sessionOf = ({ request }: Exchange) => request.headers['mcp-session-id']
const soon = () => new Promise((resolve) => setImmediate(resolve))

test('a conversation has one MCP session for all turns, and other conversations have their own', async (t) => {
  const { mcp, added, session, say } = await open(t)
  await useTools(t, server, session.id, [say, { word: 'a' }], [say, { word: 'b' }])
  await useTools(t, server, session.id, [say, { word: 'c' }])
  const other = await sessionWithMcp(server, added.ref)
  await useToolsAtOnce(t, server, other.id, [say, { word: 'd' }], [say, { word: 'e' }])
  const used = mcp.heard('tools/call').map(sessionOf)
  assert.equal(new Set(used.slice(0, 3)).size, 1)
  assert.equal(new Set(used.slice(3)).size, 1)
  assert.notEqual(used[0], used[3])
  // One more session lists the tools.
  assert.equal(mcp.heard('initialize').length, 3)
  assert.equal(mcp.heard('tools/list').length, 1)
})

test('opening a turn makes no request while the list is fresh', async (t) => {
  const { mcp, session } = await open(t)
  await converse(t, server, session.id, 'Hello')
  const before = mcp.asked.length
  await converse(t, server, session.id, 'Hello again')
  assert.equal(mcp.asked.length, before)
})

test('every call has a unique key', async (t) => {
  const { mcp, session, say } = await open(t)
  await useToolsAtOnce(t, server, session.id, [say, { word: 'a' }], [say, { word: 'a' }])
  const keys = mcp
    .heard('tools/call')
    .map(({ message }) => message.params._meta['outlast/idempotency-key'])
  assert.equal(new Set(keys).size, 2)
  for (const key of keys) assert.match(key, /^[0-9a-f]{64}$/)
})

for (const [how, lose] of [
  ['404', ({ response }: Exchange) => response.writeHead(404).end('Session not found')],
  ['400', ({ send }: Exchange) => send({ error: { message: 'No valid session ID' } }, 400)],
] as const) {
  test(`a dropped session (${how}) is started again once, with the same call`, async (t) => {
    const lost = new Set<unknown>()
    const { mcp, session, say } = await open(t, {
      'tools/call': (exchange) => {
        if (lost.has(sessionOf(exchange))) return lose(exchange)
        exchange.answer(textResult(`in ${sessionOf(exchange)}`))
      },
    })
    const [first] = await useTools(t, server, session.id, [say, {}])
    lost.add(sessionOf(mcp.heard('tools/call')[0]!))
    const again = await useToolsAtOnce(t, server, session.id, [say, {}], [say, {}])
    assert.ok(again.every((answer) => answer.result && answer.result !== first.result))
    assert.deepEqual(again[0], again[1])
    assert.equal(mcp.heard('DELETE').filter((one) => lost.has(sessionOf(one))).length, 0)
  })
}

test('stops after one retry when a server drops every session', async (t) => {
  const { mcp, session, say } = await open(t, {
    'tools/call': ({ response }) => response.writeHead(404).end(),
  })
  const [answer] = await useTools(t, server, session.id, [say, {}])
  assert.match(answer, /responds with HTTP 404/)
  assert.equal(mcp.heard('tools/call').length, 2)
})

test('the next call works after a restart of the reference server', async (t) => {
  const everything = await startEverything(t)
  const added = await addListedServer(server, everything.url, { name: 'again' })
  const session = await sessionWithMcp(server, added.ref)
  const echo: [string, object] = ['mcp_again__echo', { message: 'x' }]
  assert.deepEqual(await useTools(t, server, session.id, echo), [{ result: 'Echo: x' }])
  await everything.stop()
  const [down] = await useTools(t, server, session.id, echo)
  assert.equal(down, 'The MCP server again refuses the connection.')
  const next = await startEverything(t)
  await moveServer(server, added, next.url)
  assert.deepEqual(await useTools(t, server, session.id, echo), [{ result: 'Echo: x' }])
})

test('ends sessions at the server after idle time and when the node stops', async (t) => {
  const own = await startWithMcp(t, { MCP_IDLE_SECONDS: '1' })
  const { mcp, session, say } = await open(t, {}, own)
  await useTools(t, own, session.id, [say, {}])
  const used = sessionOf(mcp.heard('tools/call')[0]!)
  const ended = () => mcp.heard('DELETE').map(sessionOf)
  while (!ended().includes(used)) await soon()
  await useTools(t, own, session.id, [say, {}])
  const next = sessionOf(mcp.heard('tools/call')[1]!)
  assert.notEqual(next, used)
  await own.stop()
  assert.ok(ended().includes(next))
})

test('limits the sessions of a node', async (t) => {
  const own = await startWithMcp(t, { MCP_CONNECTIONS_MAX: '2' })
  const { mcp, added, session, say } = await open(t, {}, own)
  const sessions = [
    session,
    await sessionWithMcp(own, added.ref),
    await sessionWithMcp(own, added.ref),
  ]
  for (const { id } of sessions) await useTools(t, own, id, [say, {}])
  const used = mcp.heard('tools/call').map(sessionOf)
  while (!mcp.heard('DELETE').map(sessionOf).includes(used[0])) await soon()
  const ended = mcp.heard('DELETE').map(sessionOf)
  assert.ok(!ended.includes(used[1]) && !ended.includes(used[2]))
})

test('resumes the stream of every call of a connection', async (t) => {
  const own = await startWithMcp(t, { TOOL_TIMEOUT_MS: '20000' })
  const dropped = new Map<unknown, unknown>()
  const { session, say } = await open(
    t,
    {
      'tools/call': ({ message, response }) => {
        const id = `of-${message.id}`
        dropped.set(id, message.id)
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end(`id: ${id}\nretry: 1\ndata:\n\n`)
      },
      GET: ({ request, stream, response }) => {
        const id = dropped.get(request.headers['last-event-id'])
        if (id === undefined) return response.writeHead(405).end()
        stream()({ id, result: textResult('resumed') })
        response.end()
      },
    },
    own,
  )
  const calls = Array.from({ length: 25 }, (): [string, object] => [say, {}])
  const answers = await useToolsAtOnce(t, own, session.id, ...calls)
  assert.deepEqual(answers, Array(25).fill({ result: 'resumed' }))
})

test('reports a server that does not respond while a session with it is opened', async (t) => {
  let openings = 0
  const { session, say } = await open(t, {
    initialize: ({ message, answer }) => {
      openings += 1
      if (openings > 1) return t.mock.timers.tick(30_000)
      const { protocolVersion } = message.params
      const serverInfo = { name: 'once', version: '1' }
      answer({ protocolVersion, capabilities: { tools: {} }, serverInfo })
    },
  })
  // Types of Node do not have it yet.
  t.mock.timers.enable({ apis: ['AbortSignal.timeout' as 'Date'] })
  const [answer] = await useTools(t, server, session.id, [say, {}])
  assert.match(answer, /^The MCP server s\d+ did not respond in time\.$/)
})

test('a call above the limit of open calls fails with the reason', async (t) => {
  const own = await startWithMcp(t, { MCP_CONNECTIONS_MAX: '1' })
  let go = () => {}
  const waiting: Exchange[] = []
  const { added, session, say } = await open(
    t,
    {
      'tools/call': (exchange) => {
        waiting.push(exchange)
        go()
      },
    },
    own,
  )
  const called = new Promise<void>((resolve) => {
    go = resolve
  })
  const first = useTools(t, own, session.id, [say, {}])
  await called
  const other = await sessionWithMcp(own, added.ref)
  const [answer] = await useTools(t, own, other.id, [say, {}])
  assert.match(answer, /is not called: this node has too many open MCP calls/)
  waiting[0]!.answer(textResult('late'))
  assert.deepEqual(await first, [{ result: 'late' }])
})

test('the next call uses changes of a server: deleted, disabled, another key', async (t) => {
  const { mcp, added, session, say } = await open(t)
  await useTools(t, server, session.id, [say, {}])
  await server.call('PATCH', added.path, { api_key: 'another' })
  await useTools(t, server, session.id, [say, {}])
  const [, second] = mcp.heard('tools/call')
  assert.equal(second!.request.headers.authorization, 'Bearer another')
  await server.call('PATCH', added.path, { status: 'disabled' })
  const [answer] = await useTools(t, server, session.id, [say, {}])
  assert.equal(answer, `Tool definition not found: ${say}`)
})

test('a server deleted during a turn fails its calls', async (t) => {
  let done = () => {}
  const { added, session, say } = await open(t, {
    'tools/call': async ({ answer }) => {
      await server.call('DELETE', added.path)
      answer(textResult('the last'))
      done()
    },
  })
  const deleted = new Promise<void>((resolve) => {
    done = resolve
  })
  const [first, second] = await useTools(t, server, session.id, [say, {}], [say, { word: 'b' }])
  await deleted
  assert.deepEqual(first, { result: 'the last' })
  assert.match(second, /^The MCP server s\d+ was deleted\.$/)
})

test('lists the tools again for the next turn when a server announces a change', async (t) => {
  const tools = [textTool('say')]
  const { mcp, session, say } = await open(t, {
    'tools/list': ({ answer }) => answer({ tools }),
    GET: (exchange) => {
      exchange.stream()
    },
    'tools/call': ({ message, stream, response }) => {
      tools.push(textTool('more'))
      const send = stream()
      send({ method: 'notifications/tools/list_changed' })
      send({ id: message.id, result: textResult('changed') })
      response.end()
    },
  })
  assert.deepEqual(await useTools(t, server, session.id, [say, {}]), [{ result: 'changed' }])
  while (mcp.heard('tools/list').length < 2) await soon()
  const path = `/v1/sessions/${session.id}/preview`
  for (;;) {
    const { tools: shown } = (await server.call('GET', path)).body
    if (shown.length === 2) break
  }
})

test('uses an old list at once and updates it in the background', async (t) => {
  const { mcp, added, session, say } = await open(t)
  await useTools(t, server, session.id, [say, {}])
  await age(added.id)
  await useTools(t, server, session.id, [say, {}])
  while (mcp.heard('tools/list').length < 2) await soon()
})

/** Makes a list of tools two hours old. */
async function age(id: string) {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: server.databaseUrl })
  await client.connect()
  await client.query(
    `update mcp_servers set tools_listed_at = now() - interval '2 hours' where id = $1`,
    [id],
  )
  await client.end()
}

test('the session, the prompt and the preview report an unreachable server, and the turn continues', async (t) => {
  const mcp = await startMcp(t, {
    initialize: ({ response }) => response.writeHead(503).end('Down.'),
  })
  const added = await addMcpServer(server, mcp.url, { name: 'down' })
  const agent = await createAgent(server, { capabilities: [{ ref: added.ref }] })
  const session = await createSession(server, { agent_id: agent.id })
  const script = scripted(
    { tool_calls: [{ name: 'mcp_down__say', arguments: {} }] },
    { text: 'done' },
  )
  const events = await converse(t, server, session.id, script)
  const told = events.filter(({ type }) => type === 'mcp.unavailable')
  assert.deepEqual(
    told.map(({ data }) => data),
    [
      {
        server_id: added.id,
        name: 'down',
        capability_id: added.ref,
        error: 'down responds with HTTP 503: Down.',
      },
    ],
  )
  assert.equal(events.at(-1)!.type, 'session.idled')
  const { system_prompt, warnings } = (
    await server.call('GET', `/v1/sessions/${session.id}/preview`)
  ).body
  assert.match(system_prompt, /The MCP server "down" cannot be reached now/)
  assert.equal(
    warnings[0],
    'The tools of the MCP server down cannot be listed: down responds with HTTP 503: Down.',
  )
  const { body } = await server.call('GET', added.path)
  assert.equal(body.tools_error, 'down responds with HTTP 503: Down.')
  await converse(t, server, session.id, 'Again')
  const all = await eventsOf(server, session.id)
  assert.equal(all.filter(({ type }) => type === 'mcp.unavailable').length, 2)
})

test('reports an unreachable server with an old list and keeps its tools', async (t) => {
  let isDown = false
  const { added, session } = await open(t, {
    'tools/list': ({ answer, response }) =>
      isDown ? response.writeHead(500).end() : answer({ tools: [textTool('say')] }),
  })
  await converse(t, server, session.id, 'Hello')
  isDown = true
  await age(added.id)
  await server.call('POST', `${added.path}/test`)
  const events = await converse(t, server, session.id, 'Hello')
  assert.equal(events.filter(({ type }) => type === 'mcp.unavailable').length, 1)
  const preview = (await server.call('GET', `/v1/sessions/${session.id}/preview`)).body
  assert.equal(preview.tools.length, 1)
  assert.match(preview.system_prompt, /could not be reached recently/)
})
