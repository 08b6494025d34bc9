import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent } from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser } from '../browser/browser.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

const field = (page: Page, name: string) => page.getByRole('textbox', { name, exact: true })

async function add(page: Page, name: string) {
  await page.getByRole('combobox', { name: 'Add capability' }).fill(name)
  await page.getByRole('option', { name, exact: true }).click()
  return page.getByRole('region', { name, exact: true })
}

test('creates an agent with two capabilities, shows its problems, tests and exports it', async (t) => {
  const { page, complaints } = await openTab(await openProfile(t, browser), `${server.url}/agents`)
  await page.getByRole('link', { name: 'New agent' }).click()
  await field(page, 'Name').fill('Forecaster')
  await field(page, 'System prompt').fill('You tell the weather.')
  const clock = await add(page, 'Current Time')
  const weather = await add(page, 'Test Weather')

  // Problems that the server reports appear at their field while the user types.
  await clock.getByText('Configuration').click()
  await clock.getByLabel('Default time zone').fill('Nowhere/Atall')
  await page.getByText('This configuration is invalid').waitFor()
  assert.equal(await clock.getByLabel('Default time zone').getAttribute('aria-invalid'), 'true')
  await clock.getByLabel('Default time zone').fill('Europe/Kyiv')
  await weather.getByText('Configuration').click()
  await weather.getByRole('combobox', { name: 'Units' }).click()
  await page.getByRole('option', { name: 'fahrenheit' }).click()
  const preview = page.getByRole('region', { name: 'Preview' })
  await preview.getByText('get_forecast', { exact: true }).waitFor()
  await preview.getByText('You tell the weather.').waitFor()
  await page.getByText('This configuration is invalid').waitFor({ state: 'detached' })
  await weather.getByRole('button', { name: 'Move Test Weather up' }).click()
  await page.getByRole('button', { name: 'Create' }).click()

  await page.waitForURL(/\/agents\/agent_/)
  const id = new URL(page.url()).pathname.split('/').at(-1)!
  const stored = await server.call('GET', `/v1/agents/${id}`)
  assert.deepEqual(stored.body.capabilities, [
    { ref: 'test_weather', config: { units: 'fahrenheit' } },
    { ref: 'current_time', config: { timezone: 'Europe/Kyiv' } },
  ])

  // The form of the new agent, which has a playground too, is replaced by that of the stored one.
  await page.getByRole('heading', { name: 'Forecaster' }).waitFor()
  await page.getByLabel('First message').fill('What is the weather in Rome?')
  await page.keyboard.press('Enter')
  const playground = page.getByRole('region', { name: 'Playground' })
  await playground.getByText('get_weather').first().waitFor()
  await playground
    .getByRole('log')
    .getByText(/In Rome it is/)
    .waitFor()
  assert.match(page.url(), /session=session_/)

  const file = await exported(page, 'YAML')
  await page.getByRole('link', { name: 'Agents' }).click()
  await page.getByRole('button', { name: 'Import agent' }).click()
  const dialog = page.getByRole('dialog', { name: 'Import agent' })
  await dialog.getByLabel('File').fill(file.replace(/units: .*/, 'units: ['))
  await dialog.getByRole('button', { name: 'Import agent', exact: true }).click()
  await dialog.getByText(/^Line \d+/).waitFor()
  await dialog.getByLabel('File').fill(file.replace('Forecaster', 'Another'))
  await dialog.getByRole('button', { name: 'Import agent', exact: true }).click()
  await page.getByRole('heading', { name: 'Another' }).waitFor()
  await page.getByRole('region', { name: 'Test Weather' }).getByText('Configuration').waitFor()
  assert.deepEqual(complaints, [])
})

async function exported(page: Page, format: string): Promise<string> {
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: 'More actions' }).click()
  await page.getByRole('menuitem', { name: format }).click()
  return await text(await (await download).createReadStream())
}

test('shows a conflict between two tabs and lets the user resolve it', async (t) => {
  const { id } = await createAgent(server, { name: 'Porter', description: 'At the door.' })
  const profile = await openProfile(t, browser)
  const url = `${server.url}/agents/${id}`
  const { page: one } = await openTab(profile, url)
  const { page: other, complaints } = await openTab(profile, url)
  await field(other, 'System prompt').fill('You open doors.')
  await field(other, 'Name').fill('Doorkeeper')
  await field(one, 'System prompt').fill('You close doors.')
  await field(one, 'Description').fill('Behind the door.')
  await one.getByRole('button', { name: 'Save' }).click()

  await other.getByText('Another user changed this agent').waitFor()
  await other.getByRole('button', { name: 'Save' }).click()
  await other.getByText('Your changes were not saved.').waitFor()
  await other.getByRole('button', { name: 'Review changes' }).click()
  const prompt = other.getByRole('region', { name: 'System prompt' })
  await prompt.getByText('+ You open doors.').waitFor()
  await prompt.getByText('− You close doors.').waitFor()
  await other.getByRole('button', { name: 'Use selection' }).click()
  assert.equal(await field(other, 'Description').inputValue(), 'Behind the door.')
  assert.equal(await field(other, 'System prompt').inputValue(), 'You open doors.')
  await other.getByRole('button', { name: 'Save' }).click()
  // A form without changes shows versions of other users at once.
  await one.getByRole('heading', { name: 'Doorkeeper' }).waitFor()
  await one.waitForFunction(
    `[...document.querySelectorAll('textarea')].some(({ value }) => value === 'You open doors.')`,
  )
  assert.deepEqual(complaints, [])
})

test('asks before unsaved changes are discarded, and restores an archived agent', async (t) => {
  const { id } = await createAgent(server, { name: 'Gatekeeper' })
  const { page, complaints } = await openTab(
    await openProfile(t, browser),
    `${server.url}/capabilities?search=weather`,
  )
  await page.getByRole('button', { name: /Test Weather/ }).click()
  await page.getByText('get_forecast', { exact: true }).click()
  await page.getByRole('button', { name: 'Add to agent' }).click()
  await page.getByRole('menuitem', { name: 'Gatekeeper' }).click()
  await page.getByRole('region', { name: 'Test Weather' }).waitFor()
  await page.getByRole('link', { name: 'Sessions' }).click()
  const dialog = page.getByRole('dialog', { name: 'Discard unsaved changes?' })
  await dialog.getByRole('button', { name: 'Keep editing' }).click()
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Using the saved version.').waitFor()
  await eventually(async () => {
    const { body } = await server.call('GET', `/v1/agents/${id}`)
    assert.deepEqual(body.capabilities, [{ ref: 'test_weather' }])
  })

  await page.getByRole('button', { name: 'More actions' }).click()
  await page.getByRole('menuitem', { name: 'Archive' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Archive' }).click()
  await page.getByRole('link', { name: /^Assistant/ }).waitFor()
  await page.getByRole('link', { name: /^Gatekeeper/ }).waitFor({ state: 'detached' })
  await page.goto(`${server.url}/agents/${id}`)
  await page.getByRole('button', { name: 'Restore agent' }).click()
  await page.getByText('This agent is archived').waitFor({ state: 'detached' })
  assert.deepEqual(complaints, [])
})

test('keeps changes made while an agent is created or saved', async (t) => {
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${server.url}/agents/new`)
  const save = page.getByRole('button', { name: 'Save' })
  const letGo = await holdWrites(page)
  await field(page, 'Name').fill('Watchman')
  await field(page, 'System prompt').fill('You watch.')
  await page.getByRole('button', { name: 'Create' }).click()
  await field(page, 'Description').fill('By day.')
  letGo()
  await save.waitFor()
  assert.equal(await field(page, 'Description').inputValue(), 'By day.')
  await save.click()
  await page.waitForURL(/\/agents\/agent_/)
  const { pathname } = new URL(page.url())
  const stored = async () => (await server.call('GET', `/v1${pathname}`)).body
  assert.equal((await stored()).description, 'By day.')

  // The form of the new agent is replaced by that of the stored one, without later changes.
  await page.getByRole('heading', { name: 'Watchman' }).waitFor()
  const letGoAgain = await holdWrites(page)
  await field(page, 'Description').fill('By night.')
  await save.click()
  await field(page, 'Description').fill('By night, too.')
  await field(page, 'System prompt').fill('You watch the gate.')
  letGoAgain()
  await eventually(async () => assert.equal((await stored()).description, 'By night.'))
  await eventually(async () => assert.equal(await save.isEnabled(), true))
  await save.click()
  await eventually(async () => {
    const { description, system_prompt } = await stored()
    assert.deepEqual([description, system_prompt], ['By night, too.', 'You watch the gate.'])
  })
  assert.equal(await field(page, 'Description').inputValue(), 'By night, too.')
  assert.deepEqual(complaints, [])
})

/** Holds changes of agents until the returned function is called. */
async function holdWrites(page: Page) {
  const { promise, resolve } = Promise.withResolvers<void>()
  await page.route(/\/v1\/agents(\/agent_\w+)?$/, async (route) => {
    if (route.request().method() !== 'GET') await promise
    await route.fallback()
  })
  return resolve
}

test('lists more agents than one page of the API has', async (t) => {
  const own = await startServer(t)
  for (let n = 1; n <= 101; n++) await createAgent(own, { name: `Number ${n}` })
  const address = `${own.url}/agents?search=${encodeURIComponent('Number 1')}`
  const { page, complaints } = await openTab(await openProfile(t, browser), address)
  await page.getByRole('link', { name: 'Number 1', exact: true }).waitFor()
  assert.deepEqual(complaints, [])
})
