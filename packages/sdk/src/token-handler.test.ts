import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createKey, registerPerson, startGuarded } from '../../../apps/server/test/access.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { createOutlast, type Outlast } from './client/outlast.ts'
import { type IssuedToken, tokenFrom } from './http/token-source.ts'
import { chatOperations, createTokenHandler, nodeHandler } from './server.ts'
import { createSessionStore } from './store/session-store.ts'

let server: Awaited<ReturnType<typeof startGuarded>>
let person: Awaited<ReturnType<typeof registerPerson>>
let outlast: Outlast
let agentId: string

beforeAll(async (t) => {
  server = await startGuarded(t)
  person = await registerPerson(server)
  const { key } = await createKey(server, person)
  outlast = createOutlast({ url: server.url, apiKey: key })
  agentId = (await outlast.agents.create({ name: 'Ada', system_prompt: 'You are Ada.' })).id
})

const at = 'https://shop.example.com/api/outlast-token'
const ask = (headers: Record<string, string> = {}, method = 'POST') =>
  new Request(at, { method, headers })

/** The handler of a product whose cookie is the id of the user. */
const handlerWith = (more: object = {}) =>
  createTokenHandler({ outlast, user: ({ headers }) => headers.get('cookie'), ...more })

test('a path that looks like another host does not change the host of a request', async (t) => {
  const handler = nodeHandler(async ({ url }) => new Response(url))
  const http = createServer((request, response) => void handler(request, response))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  t.after(() => http.close())
  const { port } = http.address() as AddressInfo
  const url = `http://127.0.0.1:${port}//other.example/token`
  assert.equal(await (await fetch(url)).text(), url)
})

test('a signed-in user gets a token for their sessions, which no cache stores', async () => {
  const handle = handlerWith({ grants: { access: 'write', agent_ids: [agentId], expires_in: 60 } })
  const answer = await handle(ask({ cookie: 'ada', 'sec-fetch-site': 'same-origin' }))
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  const { token, expires_in } = (await answer.json()) as IssuedToken
  assert.equal(expires_in, 60)
  const page = createOutlast({ url: server.url, apiKey: token })
  const session = await page.sessions.create({ agent_id: agentId })
  assert.equal(session.user, 'ada')
  const foreign = await outlast.sessions.create({ agent_id: agentId, user: 'bob' })
  await assert.rejects(page.sessions.get(foreign.id), { code: 'not_found' })
})

test('requests without a user, of other sites and of other methods get no token', async () => {
  const handle = handlerWith({ origins: ['https://app.example.com'] })
  const statusOf = async (headers: Record<string, string>, method?: string) => {
    const answer = await handle(ask({ cookie: 'mole', ...headers }, method))
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    return answer.status
  }
  assert.equal((await handle(ask())).status, 401)
  assert.equal(await statusOf({}, 'GET'), 405)
  for (const site of ['cross-site', 'same-site', 'none', '']) {
    assert.equal(await statusOf({ 'sec-fetch-site': site }), 403, site)
  }
  const foreign = ['https://evil.example.com', 'null', 'https://shop.example.com.evil.com', 'x']
  for (const origin of foreign) assert.equal(await statusOf({ origin }), 403, origin)
  const { total } = await outlast.tokens.list({ user: 'mole' })
  assert.equal(total, 0)
  assert.equal(await statusOf({ origin: 'https://shop.example.com' }), 200)
  const allowed = { origin: 'https://app.example.com', 'sec-fetch-site': 'cross-site' }
  assert.equal(await statusOf(allowed), 200)
})

test('an error of the server does not reach the page, and one of the product is thrown', async () => {
  const wrongKey = createOutlast({ url: server.url, apiKey: 'wrong', retriesMax: 0 })
  const answer = await handlerWith({ outlast: wrongKey })(ask({ cookie: 'ada' }))
  assert.equal(answer.status, 502)
  assert.equal(await answer.text(), '{"code":"invalid_token","error":"No token could be created."}')
  const broken = handlerWith({ user: () => Promise.reject(new Error('no database')) })
  await assert.rejects(broken(ask()), /no database/)
})

test('a page renews its token before it expires, and a store works with it', async (t) => {
  const grants = { expires_in: 600, operations: chatOperations }
  const handler = nodeHandler(handlerWith({ grants }))
  const http = createServer((request, response) => void handler(request, response))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  t.after(() => http.close())
  const { port } = http.address() as AddressInfo
  let issued = 0
  const issue = async () => {
    issued += 1
    const url = `http://127.0.0.1:${port}/api/outlast-token`
    const answer = await fetch(url, { method: 'POST', headers: { cookie: 'eve' } })
    const { token } = (await answer.json()) as IssuedToken
    // A token that expires so soon could expire on the way to the server of a slow machine.
    return { token, expires_in: 2 }
  }
  const apiKey = tokenFrom(issue)
  const tokens = await Promise.all([apiKey(), apiKey(), apiKey()])
  assert.deepEqual([new Set(tokens).size, issued], [1, 1])

  const page = createOutlast({ url: server.url, apiKey })
  const store = createSessionStore({ outlast: page, agentId, key: 'chat' })
  t.after(store.subscribe(() => {}))
  const untilAnswers = (count: number) =>
    eventually(async () => {
      const { items, status } = store.getSnapshot()
      const answers = items.filter(({ kind }) => kind === 'agent_message')
      return status === 'idle' && answers.length === count
    })
  await store.send('Good morning')
  await untilAnswers(1)
  await eventually(async () => issued >= 2 || (await apiKey()) !== tokens[0])
  await store.send('And good night')
  await untilAnswers(2)
  assert.equal(store.getSnapshot().error, undefined)
  const { items } = store.getSnapshot()
  const before = store.getSnapshot().sessionId
  await store.retake(items[0]!.key, 'Good evening')
  await eventually(async () => store.getSnapshot().status === 'idle')
  assert.notEqual(store.getSnapshot().sessionId, before)
})

test('a token that ends before its time is replaced, and the stream continues', async (t) => {
  let key = await createKey(server, person)
  let issued = 0
  const issue = async (): Promise<IssuedToken> => {
    issued += 1
    const product = createOutlast({ url: server.url, apiKey: key.key })
    const answer = await handlerWith({ outlast: product })(ask({ cookie: 'zoe' }))
    return (await answer.json()) as IssuedToken
  }
  const page = createOutlast({ url: server.url, apiKey: tokenFrom(issue) })
  const store = createSessionStore({ outlast: page, agentId, key: 'chat' })
  t.after(store.subscribe(() => {}))
  await eventually(async () => store.getSnapshot().status === 'idle')
  const replaced = key
  key = await createKey(server, person)
  await outlast.apiKeys.delete(replaced.id)
  await eventually(async () => issued >= 2)
  const message = { role: 'user' as const, content: [{ type: 'text' as const, text: 'Hello' }] }
  await outlast.messages.create(store.getSnapshot().sessionId!, { message })
  await eventually(async () => store.getSnapshot().items.length === 2)
  assert.equal(store.getSnapshot().error, undefined)
})

test('an unreachable token endpoint is a temporary error, and another page is not', async (t) => {
  const down = tokenFrom('http://127.0.0.1:1/api/outlast-token')
  await assert.rejects(down(), { code: 'connection_failed' })
  const http = createServer((_request, response) => response.writeHead(200).end('<h1>Hello</h1>'))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  t.after(() => http.close())
  const { port } = http.address() as AddressInfo
  await assert.rejects(tokenFrom(`http://127.0.0.1:${port}/`)(), { code: 'not_outlast' })
})
