import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { registerPerson, startGuarded } from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { createAgent, createSession } from '../../apps/server/test/session.ts'
import { openProfile, openTab, startBrowser, whoIn } from './browser.ts'
import { startEvilSite } from './evil-site.ts'

type Server = Awaited<ReturnType<typeof startGuarded>>
type Evil = Awaited<ReturnType<typeof startEvilSite>>

let browser: Browser
let server: Server
let evil: Evil

beforeAll(async (t) => {
  const hook = t as never
  browser = await startBrowser(hook)
  server = await startGuarded(hook)
  evil = await startEvilSite(hook)
})

/** Another origin on the same host (all cookies), and another site (some cookies). */
const sites = {
  'another port of our host': () => evil.url,
  'another site': () => evil.otherSite,
}

/** Registers a user with an agent and a session, and opens a page of another site. */
async function victimAt(t: Parameters<typeof openProfile>[0], site: string) {
  const person = await registerPerson(server)
  const as = { url: server.url, call: person.call }
  const agent = await createAgent(as)
  const session = await createSession(as, { agent_id: agent.id })
  const profile = await openProfile(t, browser)
  const { email, password } = person
  const login = await profile.request.post(`${server.url}/v1/auth/login`, {
    data: { email, password },
  })
  assert.equal(login.status(), 200)
  const { page } = await openTab(profile, site)
  return { person, agent, session, profile, page }
}

type Victim = Awaited<ReturnType<typeof victimAt>>

/** Returns all resources of the victim as text. */
async function belongingsOf({ person, session }: Victim) {
  const paths = ['/v1/agents', '/v1/sessions', `/v1/sessions/${session.id}/events`]
  const lists = ['/v1/auth/api-keys', '/v1/users/me']
  const answers = await Promise.all([...paths, ...lists].map((path) => person.call('GET', path)))
  const belongings = JSON.stringify(answers.map(({ status, body }) => ({ status, body })))
  return belongings.replaceAll(/,"instance":"[^"]+"/g, '')
}

const attack = (page: Page, name: string, ...given: unknown[]) =>
  page.evaluate<string>(`attack.${name}(${given.map((one) => JSON.stringify(one)).join(', ')})`)

const agentBody = JSON.stringify({ name: 'Mallory', system_prompt: 'Obey.' })
const simple = ['text/plain', 'application/x-www-form-urlencoded']
const json = { 'content-type': 'application/json' }

/** Simple requests of a page, and some that need a preflight. */
function requestsAt({ agent, session }: Victim): [string, object][] {
  const agents = '/v1/agents'
  const cancel = `/v1/sessions/${session.id}/cancel`
  return [
    ...simple.flatMap((type): [string, object][] => [
      [
        agents,
        { method: 'POST', mode: 'no-cors', headers: { 'content-type': type }, body: agentBody },
      ],
      [agents, { method: 'POST', headers: { 'content-type': type }, body: agentBody }],
    ]),
    [cancel, { method: 'POST', mode: 'no-cors' }],
    ['/v1/auth/logout', { method: 'POST', mode: 'no-cors' }],
    ['/v1/auth/refresh', { method: 'POST', mode: 'no-cors' }],
    [agents, { method: 'POST', headers: json, body: agentBody }],
    [`/v1/agents/${agent.id}`, { method: 'DELETE' }],
    [`/v1/sessions/${session.id}`, { method: 'DELETE' }],
    ['/v1/auth/api-keys', { method: 'POST', headers: json, body: '{"name":"theirs"}' }],
    ['/v1/auth/password', { method: 'POST', headers: json, body: '{}' }],
  ]
}

/** Responses that the attacking page may see: failed or opaque. */
const unreadable = /^(failed|opaque 0 )$/

for (const [where, address] of Object.entries(sites)) {
  test(`a page at ${where} cannot act as the signed-in user`, async (t) => {
    const victim = await victimAt(t, address())
    const earlier = await belongingsOf(victim)
    for (const [path, options] of requestsAt(victim)) {
      const outcome = await attack(victim.page, 'fetch', server.url + path, options)
      assert.match(outcome, unreadable, `${path} ${JSON.stringify(options)}`)
    }
    assert.equal(await belongingsOf(victim), earlier)
    await stillSignedIn(victim)
  })

  test(`a page at ${where} cannot read as the signed-in user`, async (t) => {
    const victim = await victimAt(t, address())
    const { page, session } = victim
    for (const path of ['/v1/agents', '/v1/users/me', '/v1/auth/me', '/api-doc/openapi.json']) {
      for (const mode of ['cors', 'no-cors']) {
        assert.match(await attack(page, 'fetch', server.url + path, { mode }), unreadable, path)
      }
      assert.equal(await attack(page, 'image', server.url + path), 'failed', path)
      assert.equal(await attack(page, 'script', server.url + path), 'failed', path)
    }
    const stream = await attack(page, 'stream', `${server.url}/v1/sessions/${session.id}/sse`, 1)
    assert.deepEqual(stream, { seen: [], end: 'failed' })
    await stillSignedIn(victim)
  })

  for (const enctype of [...simple, 'multipart/form-data']) {
    test(`a form of ${enctype} at ${where} changes nothing`, async (t) => {
      const victim = await victimAt(t, address())
      const earlier = await belongingsOf(victim)
      for (const path of [
        '/v1/agents',
        `/v1/sessions/${victim.session.id}/cancel`,
        '/v1/auth/logout',
      ]) {
        await victim.page.goto(address())
        await submitForm(victim.page, path, enctype)
      }
      assert.equal(await belongingsOf(victim), earlier)
      await stillSignedIn(victim)
    })
  }
}

/** Submits a form whose body is valid JSON when sent as text/plain. */
async function submitForm(page: Page, path: string, enctype: string) {
  const body = '{"name":"Mallory","system_prompt":"Obey.","description":"="}'
  const answered = page.waitForResponse((response) => response.url() === server.url + path)
  await attack(page, 'form', server.url + path, { enctype, method: 'post', body })
  await page.waitForURL(server.url + path)
  const status = (await answered).status()
  assert.ok(status >= 400 && status < 500, `${path}: ${status}`)
}

async function stillSignedIn({ profile, person }: Victim) {
  const { page } = await openTab(profile, `${server.url}/v1/auth/me`)
  const me = JSON.parse((await page.locator('pre').textContent())!)
  assert.equal(me.name, person.name)
}

test('a link from another site opens signed in and only reads', async (t) => {
  const victim = await victimAt(t, evil.otherSite)
  const earlier = await belongingsOf(victim)
  // Later, so that the navigation does not end the evaluation.
  const leave = `location.href = ${JSON.stringify(`${server.url}/`)}`
  await victim.page.evaluate(`void setTimeout(() => { ${leave} })`)
  await victim.page.waitForURL(`${server.url}/`)
  assert.equal(await whoIn(victim.page), victim.person.name)
  assert.equal(await belongingsOf(victim), earlier)
})

test('another site cannot sign a user in', async (t) => {
  const thief = await registerPerson(server)
  const profile = await openProfile(t, browser)
  const login = JSON.stringify({ email: thief.email, password: thief.password })
  for (const address of Object.values(sites)) {
    const { page } = await openTab(profile, address())
    for (const type of [...simple, 'application/json']) {
      for (const mode of ['cors', 'no-cors']) {
        const options = { method: 'POST', mode, headers: { 'content-type': type }, body: login }
        const outcome = await attack(page, 'fetch', `${server.url}/v1/auth/login`, options)
        assert.match(outcome, unreadable)
      }
    }
  }
  assert.deepEqual(await profile.cookies([server.url, `${server.url}/v1/auth`]), [])
})
