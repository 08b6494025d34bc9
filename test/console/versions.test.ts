import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { startServer } from '../../apps/server/test/server.ts'
import { converse, createAgent, createSession, post } from '../../apps/server/test/session.ts'
import { openProfile, openTab, startBrowser } from '../browser/browser.ts'

let browser: Browser

before(async (t) => {
  browser = await startBrowser(t as never)
})

// biome-ignore lint/suspicious/noExplicitAny: answers of a server that does not exist yet
type Answered = any

/** Answers to GET as a newer server would give them: with what this page has never heard of. */
async function fromTheFuture(
  profile: BrowserContext,
  changes: Record<string, (body: Answered) => void>,
) {
  await profile.route('**/*', async (route) => {
    const { pathname } = new URL(route.request().url())
    const path = Object.keys(changes).find((one) => new RegExp(`^${one}$`).test(pathname))
    if (!path || route.request().method() !== 'GET') return route.fallback()
    const response = await route.fetch()
    const body = await response.json()
    changes[path]!(body)
    await route.fulfill({ response, json: body })
  })
}

async function see(page: Page, address: string, ...texts: string[]) {
  await page.goto(address)
  for (const text of texts) await page.getByText(text).filter({ visible: true }).first().waitFor()
  assert.equal(await page.getByText('This screen failed').count(), 0, address)
}

test('a newer server, with events, states and kinds that nobody here has heard of, breaks no screen', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server, { name: 'Porter' })
  const { id } = await createSession(server, { agent_id, title: 'Of another time' })
  await converse(t, server, id, 'Good morning')
  const target = { type: 'workflow', name: 'start_session', input: { agent_id, message: 'Hello' } }
  const fields = { name: 'Daily', cron_expression: '0 9 * * *', target }
  const { body: schedule } = await server.call('POST', '/v1/durable/schedules', fields)

  const profile = await openProfile(t, browser)
  await fromTheFuture(profile, {
    '/health': (body) => Object.assign(body, { version: '99.0.0', state: 'dreaming' }),
    '/v1/sessions': ({ data }) => {
      for (const one of data) Object.assign(one, { status: 'hibernating', mood: { is: 'fine' } })
    },
    [`/v1/sessions/${id}`]: (body) => Object.assign(body, { status: 'hibernating' }),
    [`/v1/sessions/${id}/explain`]: (body) => Object.assign(body, { state: 'dreaming_of_sheep' }),
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
  await page.getByText('The server has another version now, 99.0.0').waitFor()
  await page.getByRole('button', { name: 'Reload' }).waitFor()
  await see(page, url, 'Of another time', 'hibernating')
  await see(page, `${url}/sessions/${id}?panel=events`, 'a beam of light', 'turn.dreamt')
  await page.getByText('turn.dreamt').first().click()
  for (const panel of ['timeline', 'files', 'usage', 'details']) {
    await see(page, `${url}/sessions/${id}?panel=${panel}`, 'You said “Good morning”')
  }
  await page.getByText('dreaming of sheep').waitFor()
  // It is of use all the same.
  await page.getByLabel('Message', { exact: true }).fill('Good evening')
  await page.getByLabel('Message', { exact: true }).press('Enter')
  await page.getByRole('log').getByText('You said “Good evening”').waitFor()
  await see(page, `${url}/agents`, 'Porter')
  await see(page, `${url}/agents/${agent_id}`, 'teleport', 'not there')
  await see(page, `${url}/agents/new`, 'Capabilities')
  await see(page, `${url}/capabilities?search=Levitation`, 'Levitation')
  await see(page, `${url}/providers?all=true`, 'Simulated')
  await see(page, `${url}/providers?tab=providers`, 'Simulated')
  await see(page, `${url}/mcp-servers`, 'microsoft_learn')
  await see(page, `${url}/schedules`, 'Daily')
  await see(page, `${url}/schedules/${schedule.id}`, 'Daily')
  await see(page, `${url}/schedules/${schedule.id}?tab=edit`, 'Daily')
  for (const tab of ['overview', 'turns', 'nodes']) {
    await see(page, `${url}/operations?tab=${tab}`, 'Operations')
  }
  await see(page, `${url}/settings?tab=about`, '99.0.0')
  assert.deepEqual(complaints, [])
})

test('what an event that is not known tells while it streams is passed over', async (t) => {
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
  await post(server, id, 'Good morning')
  await page.getByRole('log').getByText('You said “Good morning”').waitFor()
  assert.ok(streams > 1)
  assert.deepEqual(complaints, [])
})
