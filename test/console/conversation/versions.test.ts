import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { converse, createAgent, createSession, post } from '../../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser } from '../../browser/browser.ts'
import { openPanel, say } from '../opening.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

// biome-ignore lint/suspicious/noExplicitAny: responses of a future server
type Answered = any

/** Changes responses to GET as a newer server might: with unknown fields and values. */
async function fromTheFuture(
  profile: BrowserContext,
  changes: Record<string, (body: Answered) => void>,
) {
  await profile.route(/\/(v1|health)\b/, async (route) => {
    const { pathname } = new URL(route.request().url())
    const path = Object.keys(changes).find((one) => new RegExp(`^${one}$`).test(pathname))
    if (!path || route.request().method() !== 'GET') return route.fallback()
    const response = await route.fetch().catch(() => undefined)
    if (!response?.ok()) return route.abort()
    const body = await response.json()
    changes[path]!(body)
    await route.fulfill({ response, json: body })
  })
}

/** Waits for texts of a screen. Fails at once when the screen failed. */
async function see(page: Page, ...texts: string[]) {
  const broken = page.getByRole('heading', { name: 'This page failed to load' })
  for (const text of texts) {
    await page.getByText(text).filter({ visible: true }).or(broken).first().waitFor()
    if (await broken.count())
      assert.fail(`${page.url()}: ${await page.locator('[role=alert]').textContent()}`)
  }
}

test('renders every screen with unknown events, states and types of a newer server', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server, { name: 'Porter' })
  const { id } = await createSession(server, { agent_id, title: 'Of another time' })
  await converse(t, server, id, 'Good morning')
  const target = { type: 'workflow', name: 'start_session', input: { agent_id, message: 'Hello' } }
  const fields = { name: 'Leap day', cron_expression: '0 0 29 2 *', target }
  const { body: schedule } = await server.call('POST', '/v1/durable/schedules', fields)

  const profile = await openProfile(t, browser)
  await fromTheFuture(profile, {
    '/health': (body) => Object.assign(body, { version: '99.0.0', state: 'dreaming' }),
    '/v1/sessions': ({ data }) => {
      for (const one of data) Object.assign(one, { status: 'hibernating', mood: { is: 'fine' } })
    },
    [`/v1/sessions/${id}`]: (body) => Object.assign(body, { status: 'hibernating' }),
    [`/v1/sessions/${id}/why`]: (body) => Object.assign(body, { state: 'dreaming_of_sheep' }),
    [`/v1/sessions/${id}/events`]: ({ data }) => {
      for (const event of data) {
        if (event.type === 'turn.started') event.type = 'turn.dreamt'
        if (event.type !== 'input.message') continue
        event.data.message.content.push({ type: 'hologram', beam: 'a beam of light' })
      }
    },
    '/v1/agents': ({ data }) => {
      for (const one of data) one.capabilities.push({ ref: 'teleport' })
    },
    [`/v1/agents/${agent_id}`]: (body) =>
      Object.assign(body, { status: 'asleep', capabilities: [{ ref: 'teleport', config: [7] }] }),
    '/v1/capabilities': ({ data }) => {
      const schema = { type: 'hologram', properties: { depth: { type: 'quark', enum: [{}] } } }
      Object.assign(data[0], {
        name: 'Levitation',
        status: 'foretold',
        icon: 'wings',
        category: 'Magic',
        config_schema: schema,
      })
    },
    '/v1/llm-providers': ({ data }) => {
      for (const one of data) Object.assign(one, { provider_type: 'oracle', status: 'asleep' })
    },
    '/v1/llm-models': ({ data }) => {
      for (const one of data) {
        const profile = {
          limits: null,
          cost: {},
          modalities: { input: ['smell'] },
          reasoning: 'deep',
        }
        Object.assign(one, {
          status: 'asleep',
          provider_type: 'oracle',
          source: 'a dream',
          profile,
        })
      }
    },
    '/v1/llm-providers/[^/]+/models': ({ data }) => {
      for (const one of data) Object.assign(one, { status: 'asleep', source: 'a dream' })
    },
    '/v1/mcp-servers': ({ data }) => {
      for (const one of data) Object.assign(one, { status: 'asleep', transport_type: 'pigeon' })
    },
    '/v1/durable/schedules': ({ data }) => {
      for (const one of data) Object.assign(one, { target: { type: 'ritual', name: 'dance' } })
    },
    [`/v1/durable/schedules/${schedule.id}`]: (body) =>
      Object.assign(body, { target: { type: 'ritual', name: 'dance', input: 7 } }),
    '/v1/durable/workflows': ({ data }) => {
      for (const one of data) Object.assign(one, { status: 'dreaming', state: 'dreaming' })
    },
    '/v1/durable/workers': ({ data }) => {
      for (const one of data) Object.assign(one, { status: 'dreaming', role: 'oracle' })
    },
  })
  const { url } = server
  const { page, complaints } = await openTab(profile, url)
  await page.getByText('The server now runs version 99.0.0').waitFor()
  await page.getByRole('button', { name: 'Reload' }).waitFor()
  await see(page, 'Of another time', 'hibernating')
  await page.getByRole('link', { name: /^Of another time/ }).click()
  await openPanel(page, 'Events')
  await see(page, 'a beam of light', 'turn.dreamt')
  await page.getByText('turn.dreamt').first().click()
  for (const panel of ['Timeline', 'Files', 'Usage', 'Details']) {
    await openPanel(page, panel)
    await see(page, 'You said “Good morning”')
  }
  await see(page, 'dreaming of sheep')
  // The session still works.
  await say(page, 'Good evening')
  await page.getByRole('log').getByText('You said “Good evening”').waitFor()

  const go = (name: string) => page.getByRole('link', { name, exact: true }).click()
  await go('Agents')
  await page.getByRole('heading', { name: 'Agents', exact: true }).waitFor()
  await page.getByRole('link', { name: /^Porter/ }).click()
  await see(page, 'teleport', 'not found')
  await go('Capabilities')
  await see(page, 'Levitation')
  await go('Models')
  await page.getByLabel('Show disabled').check()
  await see(page, 'Simulated')
  await go('Providers')
  await see(page, 'oracle')
  await go('MCP servers')
  await see(page, 'microsoft_learn')
  await go('Schedules')
  await page.getByRole('link', { name: /^Leap day/ }).click()
  await see(page, 'Leap day')
  await page.getByRole('link', { name: 'Edit', exact: true }).click()
  await see(page, 'Leap day')
  await go('Operations')
  await see(page, 'Throughput')
  await go('Turns')
  await see(page, 'Turns')
  await go('Nodes')
  await see(page, 'oracle')
  await go('Settings')
  await go('About')
  await see(page, '99.0.0')
  assert.deepEqual(complaints, [])
})

test('ignores unknown events in the stream', async (t) => {
  const server = await startServer(t)
  const { id } = await createSession(server)
  const profile = await openProfile(t, browser)
  let streams = 0
  await profile.route(`**/v1/sessions/${id}/sse**`, async (route) => {
    streams += 1
    if (streams > 1) return route.fallback()
    const event = { id: 'event_1', type: 'turn.dreamt', ts: new Date().toISOString(), data: 7 }
    const frames = [`event: turn.dreamt\ndata: ${JSON.stringify(event)}`, 'event: nap\ndata: {}']
    await route.fulfill({ contentType: 'text/event-stream', body: `${frames.join('\n\n')}\n\n` })
  })
  const { page, complaints } = await openTab(profile, `${server.url}/sessions/${id}`)
  await eventually(async () => assert.ok(streams > 1))
  await post(server, id, 'Good morning')
  await page.getByRole('log').getByText('You said “Good morning”').waitFor()
  assert.deepEqual(complaints, [])
})
