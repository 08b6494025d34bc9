import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import {
  modelsOf,
  sendJson,
  startAnyVendor,
  vendorKey,
} from '../../apps/server/test/remotes/any-vendor.ts'
import {
  addMcpServer,
  startMcp,
  startWithMcp,
  textTool,
} from '../../apps/server/test/remotes/mcp.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent } from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser } from '../browser/browser.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

/** Starts a vendor with two models that accepts one key and replies "OK". */
const startMill = (t: TestContext) =>
  startAnyVendor(t, ({ url, headers }, response) => {
    if (headers.authorization !== `Bearer ${vendorKey}`) {
      return sendJson(response, { error: { message: 'Incorrect API key provided' } }, 401)
    }
    if (url === '/v1/models') {
      return sendJson(response, { object: 'list', data: modelsOf(['grind-1', 'grind-2']) })
    }
    const choices = [{ index: 0, delta: { role: 'assistant', content: 'OK' } }]
    const chunk = { id: '1', object: 'chat.completion.chunk', created: 1, model: 'm', choices }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`)
  })

test('adds, tests, fixes and syncs a provider, and sets its model as default', async (t) => {
  const vendor = await startMill(t)
  const server = await startServer(t)
  const { page, complaints } = await openTab(
    await openProfile(t, browser),
    `${server.url}/providers`,
  )
  await page.getByRole('button', { name: 'Add provider' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('combobox', { name: 'Type' }).click()
  await page.getByRole('option', { name: /^Chat Completions/ }).click()
  await dialog.getByLabel('Name').fill('Mill')
  await dialog.getByLabel('Base URL').fill(`${vendor.url}/v1`)
  await dialog.getByLabel('API key').fill('wrong')
  await dialog.getByRole('button', { name: 'Add provider', exact: true }).click()

  const mill = page.getByRole('listitem', { name: 'Mill' })
  await mill.getByText('API key set').waitFor()
  await mill.getByRole('button', { name: 'More actions for Mill' }).click()
  await page.getByRole('menuitem', { name: 'Add model' }).click()
  await dialog.getByLabel('Model ID').fill('grind-1')
  await dialog.getByRole('button', { name: 'Add model', exact: true }).click()
  await dialog.waitFor({ state: 'detached' })
  await mill.getByRole('button', { name: 'Test' }).click()
  await mill.getByText('grind-1 did not respond').waitFor()
  await mill.getByText('Choose Edit and enter a valid API key.').waitFor()

  await mill.getByRole('button', { name: 'More actions for Mill' }).click()
  await page.getByRole('menuitem', { name: 'Edit' }).click()
  assert.equal(await dialog.getByLabel('API key').inputValue(), '')
  await dialog.getByLabel('API key').fill(vendorKey)
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'detached' })
  await mill.getByRole('button', { name: 'Test' }).click()
  await mill.getByText(/^Connected: grind-1 responded/).waitFor()
  await mill.getByRole('button', { name: 'Sync models' }).click()
  await mill.getByText('2 models listed, 1 new.').waitFor()

  await mill.getByRole('link', { name: 'Mill' }).click()
  await page.waitForURL(/provider=/)
  const model = page.getByRole('listitem', { name: 'grind-1' })
  await model.getByRole('button', { name: 'Favorite grind-1' }).click()
  await page.locator('.star[aria-pressed=true]').waitFor()
  await model.getByRole('button', { name: 'More actions for grind-1' }).click()
  await page.getByRole('menuitem', { name: 'Set as default' }).click()
  await model.getByText('default').waitFor()
  const other = page.getByRole('listitem', { name: 'grind-2' })
  await other.getByRole('button', { name: 'More actions for grind-2' }).click()
  await page.getByRole('menuitem', { name: 'Disable' }).click()
  await other.waitFor({ state: 'detached' })
  await page.getByLabel('Show disabled').check()
  await other.getByText('disabled').waitFor()
  assert.match(page.url(), /all=true/)
  assert.equal(await page.getByText('No API key').count(), 0)
  await page.goto(`${server.url}/providers?tab=models`)
  await page.getByText('No API key').first().waitFor()
  assert.deepEqual(complaints, [])
})

test('shows changed tools of an MCP server until they are confirmed', async (t) => {
  const tools = [textTool('say')]
  const mcp = await startMcp(t, { 'tools/list': ({ answer }) => answer({ tools }) })
  const server = await startWithMcp(t)
  await addMcpServer(server, mcp.url, { name: 'tracker' })
  const { page, complaints } = await openTab(
    await openProfile(t, browser),
    `${server.url}/mcp-servers`,
  )
  const tracker = page.getByRole('listitem', { name: 'tracker' })
  const test = tracker.getByRole('button', { name: 'Test' })
  await test.click()
  await tracker.getByText(/^Connected:/).waitFor()
  tools.push(textTool('shout'))
  await test.click()
  const changed = tracker.getByText('Changed since review: shout')
  await changed.waitFor()
  await tracker.getByRole('button', { name: 'Confirm tools' }).click()
  await changed.waitFor({ state: 'detached' })
  assert.deepEqual(complaints, [])
})

test('adds and tests an MCP server, lists its tools, and explains an unavailable one', async (t) => {
  const mcp = await startMcp(t)
  const server = await startWithMcp(t)
  await addMcpServer(server, 'http://127.0.0.1:9/mcp', { name: 'gone' })
  const { page, complaints } = await openTab(
    await openProfile(t, browser),
    `${server.url}/mcp-servers`,
  )
  await page.getByRole('button', { name: 'Add server' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('tracker')
  await dialog.getByLabel('URL').fill(mcp.url)
  await dialog.getByRole('button', { name: 'Add header' }).click()
  await dialog.getByLabel('Header', { exact: true }).fill('X-Team')
  await dialog.getByLabel('Value of X-Team').fill('a secret colour')
  await dialog.getByRole('button', { name: 'Add server', exact: true }).click()

  const tracker = page.getByRole('listitem', { name: 'tracker' })
  await tracker.getByText('1 header').waitFor()
  await tracker.getByRole('button', { name: 'Test' }).click()
  await tracker.getByText(/^Connected: decent 1\.0\.0 listed 1 tool/).waitFor()
  await tracker.getByText('mcp_tracker__say').click()
  await tracker.getByText('word', { exact: true }).waitFor()
  assert.equal(mcp.heard('tools/list')[0]!.request.headers['x-team'], 'a secret colour')

  // The stored value of a header is masked, and stays when other fields change.
  await tracker.getByRole('button', { name: 'More actions for tracker' }).click()
  await page.getByRole('menuitem', { name: 'Edit' }).click()
  assert.equal(await dialog.getByLabel('Value of X-Team').inputValue(), '********')
  await dialog.getByLabel('Description').fill('Issues of the team')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await tracker.getByText('Issues of the team').waitFor()
  await tracker.getByRole('button', { name: 'Test' }).click()
  await tracker.getByText(/^Connected:/).waitFor()
  assert.equal(mcp.heard('tools/list').at(-1)!.request.headers['x-team'], 'a secret colour')

  const gone = page.getByRole('listitem', { name: 'gone' })
  await gone.getByRole('button', { name: 'Test' }).click()
  await gone.getByText('Could not list tools').waitFor()
  await gone.getByText(/Check that the server is running/).waitFor()
  await gone.getByRole('button', { name: 'More actions for gone' }).click()
  await page.getByRole('menuitem', { name: 'Disable' }).click()
  await gone.getByText('disabled').waitFor()
  await gone.getByRole('button', { name: 'More actions for gone' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await gone.waitFor({ state: 'detached' })
  assert.deepEqual(complaints, [])
})

test('creates, previews, runs and pauses a schedule, and shows its turn in operations', async (t) => {
  const server = await startServer(t)
  const { page, complaints } = await openTab(
    await openProfile(t, browser),
    `${server.url}/schedules`,
  )
  await page.getByRole('link', { name: 'New schedule' }).click()
  await page.getByLabel('Name').fill('Morning report')
  await page.getByLabel('Cron expression').fill('61 * * * *')
  await page.locator('[aria-invalid=true]').waitFor()
  await page.getByLabel('Cron expression').fill('0 9 1 JAN *')
  await page.getByRole('combobox', { name: 'Time zone' }).fill('Europe/Kyiv')
  await page.getByRole('option', { name: 'Europe/Kyiv' }).click()
  const when = page.getByRole('status', { name: 'Next runs' })
  await when.getByText('At 09:00 on day 1 in January, Europe/Kyiv').waitFor()
  assert.equal(await when.getByRole('listitem').count(), 5)
  await page.getByRole('combobox', { name: 'Agent' }).click()
  await page.getByRole('option', { name: 'Assistant' }).click()
  await page.getByRole('textbox', { name: 'Message' }).fill('What is new today?')
  await page.getByRole('button', { name: 'Create' }).click()

  await page.waitForURL(/\/schedules\/[0-9a-f-]+$/)
  await page.getByRole('button', { name: 'Run now' }).click()
  const ran = page.getByRole('listitem', { name: /^completed/ })
  await ran.getByText('completed').waitFor()
  await page.getByRole('status', { name: 'Statistics' }).getByText('1 completed').waitFor()
  await page.getByRole('button', { name: 'Pause' }).click()
  await page.getByText('paused').waitFor()
  const { body } = await server.call('GET', '/v1/durable/schedules')
  assert.equal(body.data[0].enabled, false)
  await ran.getByRole('link', { name: 'Session' }).click()
  await page.getByText('What is new today?').first().waitFor()

  await page.getByRole('link', { name: 'Operations' }).click()
  await page.getByText('Healthy').waitFor()
  // Statistics of all nodes, from any node.
  await page.getByRole('img', { name: /^Throughput and failures: Completed 1, / }).waitFor()
  await page.getByRole('img', { name: /^Turn duration: p50 \d/ }).waitFor()
  await page.getByText('24 hours').click()
  await page.waitForURL(/minutes=1440/)
  await page.getByText('12 min per point').first().waitFor()
  await page.getByRole('link', { name: 'Nodes' }).click()
  await page.getByRole('button', { name: 'Drain' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click()
  await page.getByText('draining').waitFor()
  await page.getByRole('button', { name: 'Resume' }).click()
  await page.getByText('online').waitFor()
  assert.deepEqual(complaints, [])
})

/** Opens the form of a stored schedule. */
async function editSchedule(t: TestContext, fields: object = {}) {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server)
  const { body: schedule } = await server.call('POST', '/v1/durable/schedules', {
    name: 'Daily',
    cron_expression: '0 9 1 1 *',
    target: { type: 'workflow', name: 'start_session', input: { agent_id, text: 'Hello' } },
    ...fields,
  })
  const address = `/v1/durable/schedules/${schedule.id}`
  const { page, complaints } = await openTab(
    await openProfile(t, browser),
    `${server.url}/schedules/${schedule.id}?tab=edit`,
  )
  return { server, address, page, complaints }
}

test('keeps an edit of a schedule when another user pauses it', async (t) => {
  const { server, address, page, complaints } = await editSchedule(t)
  const message = page.getByRole('textbox', { name: 'Message' })
  await message.fill('Good morning')
  await server.call('PATCH', address, { cron_expression: '0 10 1 1 *' })
  await server.call('POST', `${address}/pause`)
  await page.getByRole('button', { name: 'Resume' }).waitFor()
  const cron = page.getByLabel('Cron expression')
  await eventually(async () => assert.equal(await cron.inputValue(), '0 10 1 1 *'))
  assert.equal(await message.inputValue(), 'Good morning')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('No runs yet').waitFor()
  const { body } = await server.call('GET', address)
  assert.deepEqual(
    [body.target.input.text, body.cron_expression, body.enabled],
    ['Good morning', '0 10 1 1 *', false],
  )
  assert.deepEqual(complaints, [])
})

test('keeps an edit of a schedule when a poll fails', async (t) => {
  const { address, page, complaints } = await editSchedule(t)
  const message = page.getByRole('textbox', { name: 'Message' })
  await message.fill('Good morning')
  const poll = (url: URL) => url.pathname === address
  const json = { error: 'Broken.', code: 'internal_error' }
  await page.route(poll, (route) => route.fulfill({ status: 500, json }))
  await page.getByRole('alert').getByText('Broken.').waitFor()
  assert.ok(await message.isVisible())
  await page.unroute(poll)
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('alert').waitFor({ state: 'detached' })
  assert.equal(await message.inputValue(), 'Good morning')
  assert.deepEqual(complaints, [])
})

test('an emptied limit of a schedule becomes the default', async (t) => {
  const limits = { catch_up_missed: true, max_catch_up: 3, max_concurrent: 1 }
  const { server, address, page, complaints } = await editSchedule(t, limits)
  await page.getByLabel('Max catch-up runs').fill('')
  await page.getByLabel('Max concurrent runs').fill('')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Schedule saved').waitFor()
  const { body } = await server.call('GET', address)
  assert.deepEqual([body.max_catch_up, body.max_concurrent], [100, 100])
  assert.deepEqual(complaints, [])
})
