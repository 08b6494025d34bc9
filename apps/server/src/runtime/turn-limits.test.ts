/** Limits of agents and sessions in turns: model calls, tool calls and hosts. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../test/hooks.ts'
import { toolFile } from '../../test/processes/project-files.ts'
import { startProject } from '../../test/processes/project-server.ts'
import { fetchInTurn, startFetching } from '../../test/remotes/fetching.ts'
import { addListedServer, startMcp } from '../../test/remotes/mcp.ts'
import { page, redirect, startSite } from '../../test/remotes/site.ts'
import { converse, createAgent, createSession, dataOf, scripted } from '../../test/session.ts'
import { useTools } from '../../test/tool-session.ts'

type Site = Awaited<ReturnType<typeof startSite>>

let server: Awaited<ReturnType<typeof startFetching>>
let site: Site
/** Another name of the same address. */
let alias: string
beforeAll(async (t) => {
  server = await startFetching(t as TestContext, { PRIVATE_HOSTS_ALLOWED: '127.0.0.1,localhost' })
  site = await startSite(t as TestContext, {
    '/open': page('open', { 'content-type': 'text/plain' }),
    '/closed': page('closed', { 'content-type': 'text/plain' }),
    '/open/leave': redirect('/closed'),
    '/open/other': (_, response) => response.writeHead(302, { location: `${alias}/open` }).end(),
  })
  alias = site.url.replace('127.0.0.1', 'localhost')
})

const math = { capabilities: [{ ref: 'test_math' }] }
const add = (a: number) => ({ name: 'add', arguments: { a, b: 1 } })
const refusal = /127\.0\.0\.1|localhost/

test('a turn ends at the least of the limits of its model calls', async (t) => {
  const limits: [agent: object, session: object, calls: number][] = [
    [{ max_iterations: 3 }, {}, 3],
    [{ max_iterations: 3 }, { max_iterations: 1 }, 1],
    [{}, { max_iterations: 2 }, 2],
  ]
  for (const [ofAgent, ofSession, calls] of limits) {
    const agent = await createAgent(server, { ...math, ...ofAgent })
    const session = await createSession(server, { agent_id: agent.id, ...ofSession })
    const steps = [1, 2, 3, 4].map((n) => ({ tool_calls: [add(n)] }))
    const events = await converse(t, server, session.id, scripted(...steps))
    assert.equal(dataOf(events, 'turn.failed').error_code, 'max_iterations')
    assert.equal(events.filter(({ type }) => type === 'reason.completed').length, calls)
  }
})

test('a change of the limit of an agent applies to the next turn', async (t) => {
  const agent = await createAgent(server, { ...math, max_iterations: 1 })
  const session = await createSession(server, { agent_id: agent.id })
  const script = scripted({ tool_calls: [add(1)] }, { text: 'Two.' })
  const before = await converse(t, server, session.id, script)
  assert.equal(dataOf(before, 'turn.failed').error_code, 'max_iterations')
  await server.call('PATCH', `/v1/agents/${agent.id}`, { max_iterations: 2 })
  const after = await converse(t, server, session.id, script)
  assert.ok(after.some(({ type }) => type === 'turn.completed'))
})

test('without parallel tool calls a reply has one call, of agent or session', async (t) => {
  const one = { parallel_tool_calls: false }
  for (const [ofAgent, ofSession] of [
    [one, {}],
    [{ parallel_tool_calls: true }, one],
  ]) {
    const agent = await createAgent(server, { ...math, ...ofAgent })
    const session = await createSession(server, { agent_id: agent.id, ...ofSession })
    const script = scripted(
      { text: 'Adding.', tool_calls: [add(1), add(2), add(3)] },
      { text: 'Done.' },
    )
    const events = await converse(t, server, session.id, script)
    const started = events.flatMap((event) =>
      event.type === 'tool.started' ? [event.data.tool_call.arguments] : [],
    )
    assert.deepEqual(started, [{ a: 1, b: 1 }])
    assert.equal(dataOf(events, 'act.started').tool_calls.length, 1)
    const { content } = dataOf(events, 'output.message.completed').message
    assert.deepEqual(
      content.map(({ type }) => type),
      ['text', 'tool_call'],
    )
    assert.ok(events.some(({ type }) => type === 'turn.completed'))
  }
})

/** Fetches URLs in a turn of a session with this network access. */
async function fetchWith(t: TestContext, ofAgent: object, ofSession: object, ...urls: string[]) {
  const capabilities = [{ ref: 'web_fetch' }]
  const agent = await createAgent(server, { capabilities, network_access: ofAgent })
  const fields = { agent_id: agent.id, network_access: ofSession }
  const { id } = await createSession(server, fields)
  const uses = urls.map((url): [string, object] => ['web_fetch', { url }])
  const answers = await useTools(t, server, id, ...uses)
  return answers.map((answer) => (typeof answer === 'string' ? answer : answer.content))
}

test('web_fetch reaches the hosts of agent and session, also through redirects', async (t) => {
  const before = site.asked.length
  const { url } = site
  const [open, closed, leaving, other, named] = await fetchWith(
    t,
    { allowed: ['127.0.0.1/open', 'localhost'] },
    { blocked: ['localhost/open'] },
    ...[`${url}/open`, `${url}/closed`, `${url}/open/leave`, `${url}/open/other`, `${alias}/open`],
  )
  assert.equal(open, 'open')
  for (const error of [closed, leaving, other, named]) assert.match(error, /network access/)
  const asked = site.asked.slice(before).map((request) => request.url)
  assert.deepEqual(asked, ['/open', '/open/leave', '/open/other'])
})

test('a path that looks like another host does not change the host that is checked', async (t) => {
  const before = site.asked.length
  const { host, port } = new URL(site.url)
  const access = { allowed: ['127.0.0.1'], blocked: ['localhost'] }
  const [foreign, own] = await fetchWith(
    t,
    access,
    {},
    `http://localhost:${port}//${host}/open`,
    `${site.url}//localhost/open`,
  )
  assert.match(foreign, /localhost .*network access/)
  assert.equal(own, 'open')
  const asked = site.asked.slice(before).map((request) => request.url)
  assert.deepEqual(asked, ['//localhost/open'])
})

test('a host outside the network access is not even looked up', async (t) => {
  const [error] = await fetchWith(t, { allowed: ['example.com'] }, {}, 'http://no.such.invalid/')
  assert.match(error, /network access/)
})

test('without network access nothing changes', async (t) => {
  const [fetched] = await fetchInTurn(t, { server }, { url: `${site.url}/open` })
  assert.equal(fetched!.result.content, 'open')
})

test('a tool of an MCP server is called only if the network access has the server', async (t) => {
  const mcp = await startMcp(t)
  const { ref } = await addListedServer(server, mcp.url, { name: 'limited' })
  const agent = await createAgent(server, { capabilities: [{ ref }] })
  const say = 'mcp_limited__say'
  const answerWith = async (network_access: object | null) => {
    const { id } = await createSession(server, { agent_id: agent.id, network_access })
    const [answer] = await useTools(t, server, id, [say, { word: 'hi' }])
    return JSON.stringify(answer)
  }
  assert.match(await answerWith(null), /said hi/)
  assert.match(await answerWith({ allowed: ['127.0.0.1/mcp'] }), /said hi/)
  const before = mcp.heard('tools/call').length
  assert.match(await answerWith({ allowed: ['example.com'] }), /network access/)
  assert.match(await answerWith({ blocked: ['127.0.0.1'] }), /network access/)
  assert.equal(mcp.heard('tools/call').length, before)
})

test('an open connection to an MCP server does not outlive a change of the network access', async (t) => {
  const mcp = await startMcp(t)
  const { ref } = await addListedServer(server, mcp.url, { name: 'changing' })
  const agent = await createAgent(server, { capabilities: [{ ref }] })
  const { id } = await createSession(server, { agent_id: agent.id })
  const use = () => useTools(t, server, id, ['mcp_changing__say', { word: 'hi' }])
  assert.match(JSON.stringify(await use()), /said hi/)
  const network_access = { blocked: ['127.0.0.1'] }
  await server.call('PATCH', `/v1/agents/${agent.id}`, { network_access })
  assert.match(JSON.stringify(await use()), /network access/)
  assert.equal(mcp.heard('tools/call').length, 1)
})

test('a tool of a project reaches the same hosts, and no redirect leaves them', async (t) => {
  const run = `const { fetch } = context; const { url } = input
    return (await fetch(url).then((got) => got.text(), (error) => error.cause.message))`
  const withUrl = "input: { type: 'object', properties: { url: { type: 'string' } } },"
  const project = await startProject(
    t,
    { look: toolFile(run, withUrl) },
    { env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1,localhost' } },
  )
  const { call } = project.server
  const network_access = { allowed: ['127.0.0.1/open'] }
  await call('PATCH', `/v1/agents/${project.agent.id}`, { network_access })
  const { resultOf } = await project.openSession()
  const before = site.asked.length
  assert.equal(await resultOf('look', { url: `${site.url}/open` }), 'open')
  for (const path of ['/closed', '/open/leave', '/open/other', '/open/..%2fclosed']) {
    assert.match(await resultOf('look', { url: site.url + path }), /network access/, path)
  }
  assert.match(await resultOf('look', { url: `${alias}/open` }), refusal)
  const asked = site.asked.slice(before).map((request) => request.url)
  assert.deepEqual(asked, ['/open', '/open/leave', '/open/other'])
})
