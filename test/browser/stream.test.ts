import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { expectStatus, registerPerson, startGuarded } from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { createSession, post } from '../../apps/server/test/session.ts'
import { openProfile, openTab, startBrowser } from './browser.ts'
import { startEvilSite } from './evil-site.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

/** Starts a product with two origins, one of which may call the API, and a session. */
async function startProduct(t: Parameters<typeof startEvilSite>[0]) {
  const site = await startEvilSite(t)
  const server = await startGuarded(t, { env: { CORS_ALLOWED_ORIGINS: site.otherSite } })
  const person = await registerPerson(server)
  const as = { url: server.url, call: person.call }
  const { id } = await createSession(as)
  const tokenFor = async (fields: object) => {
    const made = await person.call('POST', `/v1/sessions/${id}/tokens`, fields)
    return expectStatus(made, 201).token as string
  }
  const sse = (token: string) => `${server.url}/v1/sessions/${id}/sse?access_token=${token}`
  return { site, server, as, id, tokenFor, sse }
}

type Streamed = { seen: string[]; end: string }

test('an EventSource with a session token streams only to an allowed origin', async (t) => {
  const { site, as, id, tokenFor, sse } = await startProduct(t)
  const url = sse(await tokenFor({ access: 'read' }))
  const profile = await openProfile(t, browser)
  const { page } = await openTab(profile, site.otherSite)
  const streaming = page.evaluate<Streamed>(`attack.stream(${JSON.stringify(url)}, 3)`)
  await post(as, id, 'Good morning')
  assert.deepEqual(await streaming, {
    seen: ['session.started', 'input.message', 'session.idled'],
    end: 'enough',
  })
  const { page: other } = await openTab(profile, site.url)
  const refused = await other.evaluate<Streamed>(`attack.stream(${JSON.stringify(url)}, 1)`)
  assert.deepEqual(refused, { seen: [], end: 'failed' })
})

test('a page of an allowed origin writes only with a write token', async (t) => {
  const { site, server, id, tokenFor } = await startProduct(t)
  const { page } = await openTab(await openProfile(t, browser), site.otherSite)
  const say = async (token: string) =>
    page.evaluate<string>(
      `attack.fetch(${JSON.stringify(`${server.url}/v1/sessions/${id}/messages`)}, ${JSON.stringify(
        {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
          body: '{"message":{"content":[{"type":"text","text":"Hello"}]}}',
        },
      )})`,
    )
  assert.match(await say(await tokenFor({ access: 'write' })), /^cors 201 /)
  assert.match(await say(await tokenFor({ access: 'read' })), /^cors 403 /)
  assert.match(await say('no-token'), /^cors 401 /)
})

test('a page of an allowed origin opens a session of its end user, and no other', async (t) => {
  const { site, server, as, id: foreign } = await startProduct(t)
  const { token } = expectStatus(
    await as.call('POST', '/v1/tokens', { user: 'ada', access: 'write' }),
    201,
  )
  const { page } = await openTab(await openProfile(t, browser), site.otherSite)
  const ask = async (path: string, method = 'GET', body?: object) =>
    page.evaluate<string>(
      `attack.fetch(${JSON.stringify(server.url + path)}, ${JSON.stringify({
        method,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        ...(body && { body: JSON.stringify(body) }),
      })})`,
    )
  const { agent_id } = expectStatus(await as.call('GET', `/v1/sessions/${foreign}`), 200)
  assert.match(await ask('/v1/sessions', 'POST', { agent_id }), /^cors 201 /)
  const { data } = expectStatus(await as.call('GET', '/v1/sessions?user=ada'), 200)
  assert.equal(data.length, 1)
  const url = (id: string) => `${server.url}/v1/sessions/${id}/sse?access_token=${token}`
  const own = JSON.stringify(url(data[0].id))
  const streaming = page.evaluate<Streamed>(`attack.stream(${own}, 3)`)
  const hello = { message: { content: [{ type: 'text', text: 'Hello' }] } }
  assert.match(await ask(`/v1/sessions/${data[0].id}/messages`, 'POST', hello), /^cors 201 /)
  assert.deepEqual(await streaming, {
    seen: ['session.started', 'input.message', 'session.idled'],
    end: 'enough',
  })
  assert.match(await ask(`/v1/sessions/${foreign}`), /^cors 404 /)
  const refused = await page.evaluate<Streamed>(`attack.stream(${JSON.stringify(url(foreign))}, 1)`)
  assert.deepEqual(refused, { seen: [], end: 'failed' })
})

test('an invalid, empty or foreign token streams nothing', async (t) => {
  const { site, tokenFor, sse, server } = await startProduct(t)
  const { page } = await openTab(await openProfile(t, browser), site.otherSite)
  const good = await tokenFor({ access: 'read' })
  const elsewhere = await createSession({
    url: server.url,
    call: (await registerPerson(server)).call,
  })
  const foreign = `${server.url}/v1/sessions/${elsewhere.id}/sse?access_token=${good}`
  for (const url of [sse(`${good}x`), sse(''), foreign]) {
    const streamed = await page.evaluate<Streamed>(`attack.stream(${JSON.stringify(url)}, 1)`)
    assert.deepEqual(streamed, { seen: [], end: 'failed' })
  }
})
