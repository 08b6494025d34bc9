import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startServer } from '../../apps/server/test/server.ts'
import { openProfile, startBrowser } from './browser.ts'

/** The attacker's host name. It resolved to the attacker first, and now resolves to the server. */
const rebound = '127.0.0.1.evil.example'
const flags = [
  `--host-resolver-rules=MAP ${rebound} 127.0.0.1`,
  // Other browsers lack these checks, so the server must not depend on them.
  '--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests',
]
const agent = JSON.stringify({ name: 'Made by a page', system_prompt: 'Obey.' })
const creating = { method: 'POST', headers: { 'content-type': 'application/json' }, body: agent }

/** Opens the attacker's page at a rebound name. All other requests reach the server. */
async function openReboundPage(t: TestContext) {
  const server = await startServer(t)
  const profile = await openProfile(t, await startBrowser(t, flags))
  const page = await profile.newPage()
  const url = `http://${rebound}:${new URL(server.url).port}`
  const theirs = { contentType: 'text/html', body: '<!doctype html><title>Kittens</title>' }
  await page.route(`${url}/kittens`, (route) => route.fulfill(theirs))
  await page.goto(`${url}/kittens`)
  const agents = async () => (await server.call('GET', '/v1/agents')).body.total as number
  return { page, agents, before: await agents() }
}

/** Returns an expression for the outcome of a request that the page can observe. */
const outcomeOf = (request: string) =>
  `${request}.then((response) => String(response.status), () => 'failed')`

test('a page at a rebound name cannot read or write with fetch', async (t) => {
  const { page, agents, before } = await openReboundPage(t)
  for (const path of ['/v1/agents', '/v1/sessions', '/v1/llm-providers', '/metrics', '/health']) {
    assert.equal(await page.evaluate(outcomeOf(`fetch('${path}')`)), '403', path)
  }
  const made = outcomeOf(`fetch('/v1/agents', ${JSON.stringify(creating)})`)
  assert.equal(await page.evaluate(made), '403')
  assert.equal(await agents(), before)
})

test('a page at a rebound name cannot read or write through a console window', async (t) => {
  const { page, agents, before } = await openReboundPage(t)
  const opened = page.waitForEvent('popup')
  await page.evaluate(`void (window.ours = window.open('/'))`)
  const popup = await opened
  await popup.waitForLoadState()
  assert.match((await popup.textContent('body'))!, /host_not_allowed/)
  for (const request of [
    `'/v1/agents'`,
    `'/v1/sessions'`,
    `'/v1/agents', ${JSON.stringify(creating)}`,
  ]) {
    const outcome = await page.evaluate<string>(outcomeOf(`ours.fetch(${request})`))
    assert.match(outcome, /^(403|failed)$/, request)
  }
  assert.equal(await agents(), before)
})
