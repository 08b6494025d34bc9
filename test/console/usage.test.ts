import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { queryRows, runSql } from '../../apps/server/test/database.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { addVendorModel, startVendor } from '../../apps/server/test/remotes/vendor.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { converse, createAgent, createSession } from '../../apps/server/test/session.ts'
import { openProfile, openTab, startBrowser } from '../browser/browser.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

/** $1.25 and $10 per million tokens in the catalogue: each call costs $0.0225. */
const modelId = 'gpt-5'
const usage = { prompt_tokens: 10_000, completion_tokens: 1_000 }

/**
 * A server with two agents that made three calls on a day, and half of that 30 days before.
 * Midnight may pass during a test: all calls are moved to the day of the first one, and `open`
 * opens a tab whose clock begins at noon of it.
 */
async function startUsed(t: TestContext) {
  const server = await startServer(t)
  const vendor = await startVendor(t, () => ({ text: 'Hello.', usage }))
  await addVendorModel(server, vendor, modelId)
  const support = await createAgent(server, { name: 'Support' })
  const research = await createAgent(server, { name: 'Research' })
  for (const [agent, user] of [
    [support, 'customer-4711'],
    [support, '=1+1'],
    [research, undefined],
  ] as const) {
    const session = await createSession(server, { agent_id: agent.id, ...(user && { user }) })
    await converse(t, server, session.id, 'Hello')
  }
  const [first] = await queryRows<{ day: string }>(
    server.databaseUrl,
    'select min(day)::text as day from usage_days',
  )
  const { day } = first!
  const noon = `${day}T12:00:00.000Z`
  await runSql(
    server.databaseUrl,
    `update usage_days set day = '${day}';
     update sessions set created_at = '${noon}';
     insert into usage_days (org_id, day, agent_id, model, user_id, key_id, shard, calls, input_tokens, output_tokens, cost_nanos)
     select org_id, day - 30, agent_id, model, user_id, key_id, shard, calls, input_tokens / 2, output_tokens / 2, cost_nanos / 2
     from usage_days where agent_id = '${support.id}'`,
  )
  const open = async (path: string, options?: BrowserContextOptions) => {
    const profile = await openProfile(t, browser, options)
    await profile.clock.setSystemTime(noon)
    return openTab(profile, server.url + path)
  }
  return { server, support, day, open }
}

const costByDay = 'Cost by day: Cost $0.0675, Period before $0.0225'
const table = (page: Page) => page.getByRole('table', { name: 'Usage' })

async function groupBy(page: Page, group: string) {
  await page.getByRole('combobox', { name: 'Group' }).click()
  await page.getByRole('option', { name: group, exact: true }).click()
}

test('usage is compared with the period before, by each group, with axes and a legend', async (t) => {
  const { server, open } = await startUsed(t)
  const { page, complaints } = await open('/usage')
  await table(page).getByRole('row', { name: 'Total $0.0675 +200 % 3 30,000 3,000' }).waitFor()
  await page.getByRole('img', { name: costByDay }).waitFor()
  // The steps have no height.
  await page.locator('.chart-y').getByText('$0.0800').waitFor({ state: 'attached' })
  assert.equal(await page.locator('.chart-x span').count(), 5)
  await groupBy(page, 'By agent')
  await table(page).getByRole('row', { name: 'Support $0.0450 +100 % 2 20,000 2,000' }).waitFor()
  await table(page).getByRole('row', { name: 'Research $0.0225 new 1 10,000 1,000' }).waitFor()
  const legend = page.locator('.chart-legend')
  await legend.getByText('Support $0.0450').waitFor()
  await legend.getByText('Period before $0.0225').waitFor()
  await page.getByRole('radiogroup', { name: 'Measure' }).getByText('Tokens').click()
  await page.getByRole('img', { name: /^Tokens by day: Support 22K, Research 11K/ }).waitFor()
  for (const [group, name] of [
    ['By model', modelId],
    ['By end user', 'No end user'],
    ['By key', 'No key'],
  ] as const) {
    await groupBy(page, group)
    await table(page).getByRole('rowheader', { name, exact: true }).waitFor()
  }
  // Back to days, while the rows of keys are still shown.
  await groupBy(page, 'By day')
  await table(page)
    .getByRole('row', { name: /^\w{3} \d/ })
    .waitFor()
  await groupBy(page, 'By key')
  await page.waitForURL(/by=key/)
  await page.reload()
  await table(page).getByRole('rowheader', { name: 'No key', exact: true }).waitFor()
  await page.goto(`${server.url}/usage?user=nobody`)
  await page.getByText('No usage in this period').waitFor()
  assert.deepEqual(complaints, [])
})

test('every number leads to its sessions in at most two clicks', async (t) => {
  const { server, support, day, open } = await startUsed(t)
  const { page, complaints } = await open('/usage')
  // Loads after the table and moves it.
  await page.getByRole('img', { name: costByDay }).waitFor()
  // A click on a number of the day, then on a number of the agent. The link covers its row.
  await table(page)
    .getByRole('row', { name: /^\w{3} \d/ })
    .getByText('30,000')
    .click({ force: true })
  await page.waitForURL(/day=/)
  await table(page)
    .getByRole('row', { name: /^Support/ })
    .getByText('20,000')
    .click({ force: true })
  await page.waitForURL(`${server.url}/?agent=${support.id}&**`)
  await page.getByRole('list', { name: 'Sessions' }).getByRole('listitem').nth(1).waitFor()

  await page.goto(`${server.url}/usage?by=model`)
  await page.getByRole('img', { name: new RegExp(`^Cost by day: ${modelId} `) }).waitFor()
  await table(page).getByRole('link', { name: modelId }).click()
  await page.getByText(`Model: ${modelId}`).waitFor()
  const link = table(page).getByRole('link', { name: 'Support' })
  const { searchParams } = new URL((await link.getAttribute('href'))!, server.url)
  assert.equal(searchParams.get('agent'), support.id)
  assert.equal(searchParams.get('until'), day)
  await page.getByRole('button', { name: `Clear Model: ${modelId}` }).click()
  await page.waitForURL((url) => !url.search.includes('model'))
  await page.goto(`${server.url}/usage?by=user`)
  const user = table(page).getByRole('link', { name: 'customer-4711' })
  assert.match((await user.getAttribute('href'))!, /[?&]user=customer-4711/)
  assert.deepEqual(complaints, [])
})

test('a day leads to the sessions that were created on it, in any time zone', async (t) => {
  const { server, support, day, open } = await startUsed(t)
  const { body } = await server.call('GET', `/v1/sessions?agent_id=${support.id}`)
  const at = async (id: string, time: string) => {
    const sql = `update sessions set created_at = '${time}' where id = '${id}'`
    await runSql(server.databaseUrl, sql)
  }
  await at(body.data[0].id, `${day}T00:00:00.000Z`)
  await at(body.data[1].id, `${day}T23:59:59.999Z`)
  const before = new Date(Date.parse(day) - 1).toISOString()
  await at((await createSession(server, { agent_id: support.id })).id, before)
  const { page, complaints } = await open(`/usage?day=${day}`, {
    timezoneId: 'Pacific/Kiritimati',
  })
  await table(page).getByRole('link', { name: 'Support' }).click()
  await page.getByText('2 sessions', { exact: true }).waitFor()
  await page.goBack()
  await page.getByRole('link', { name: 'Sessions created in this period' }).click()
  await page.getByText('3 sessions', { exact: true }).waitFor()
  assert.deepEqual(complaints, [])
})

test('the CSV file has the rows of both periods and runs no formula', async (t) => {
  const { day, open } = await startUsed(t)
  const { page, complaints } = await open('/usage?by=user')
  await table(page).getByRole('rowheader', { name: '=1+1' }).waitFor()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download CSV' }).click(),
  ])
  assert.match(download.suggestedFilename(), new RegExp(`^usage-by-user-.*-${day}\\.csv$`))
  const lines = (await text(await download.createReadStream())).trimEnd().split('\r\n')
  assert.equal(lines.length, 4)
  assert.match(lines[0]!, /^user,name,model_calls,input_tokens,.*,previous_cost_usd$/)
  assert.ok(lines.includes("'=1+1,'=1+1,1,10000,1000,0,0,0.0225,1,5000,500,0,0,0.01125"), lines[1])
  assert.ok(lines.includes(',No end user,1,10000,1000,0,0,0.0225,0,0,0,0,0,0'), lines.join('\n'))
  assert.deepEqual(complaints, [])
})
