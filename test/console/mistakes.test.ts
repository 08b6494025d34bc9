import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Locator, Page } from 'playwright-core'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent } from '../../apps/server/test/session.ts'
import { openProfile, openTab, startBrowser } from '../browser/browser.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

const elsewhere = 'Not saved. Fix the marked fields above.'

/** Asserts that a field shows its problem and is marked as invalid. */
async function expectMarked(field: Locator, sentence: string) {
  const form = field.page().locator('form')
  await form.getByText(sentence).waitFor()
  await form.getByText(elsewhere).waitFor()
  assert.equal(await field.getAttribute('aria-invalid'), 'true')
}

/** With a custom, an invalid and no base URL. Unit tests cover the requests of each type. */
const types = ['OpenAI', 'Anthropic', 'Simulated']

async function openForm(page: Page, type: string) {
  await page.getByRole('button', { name: 'Add provider' }).click()
  const dialog = page.getByRole('dialog', { name: 'New provider' })
  await dialog.getByRole('combobox', { name: 'Type' }).click()
  await page.getByRole('option', { name: new RegExp(`^${type}`) }).click()
  await dialog.getByLabel('Name').fill(`My ${type}`)
  return dialog
}

test('adds providers and shows an invalid URL at its field', async (t) => {
  const { page, complaints } = await openTab(
    await openProfile(t, browser),
    `${server.url}/providers?tab=providers`,
  )
  for (const type of types) {
    const dialog = await openForm(page, type)
    const address = dialog.getByLabel('Base URL')
    const add = dialog.getByRole('button', { name: 'Add provider', exact: true })
    if (type !== 'Simulated') {
      await address.fill(type === 'Anthropic' ? 'example.com' : 'https://models.example.com/v1')
      await dialog.getByLabel('API key').fill('a-key-of-somebody')
    }
    await add.click()
    if (type === 'Anthropic') {
      await expectMarked(address, 'must be a URL that begins with http:// or https://')
      await address.fill('')
      await add.click()
    }
    await page.getByRole('listitem', { name: `My ${type}`, exact: true }).waitFor()
  }

  // The URL can be changed back to the default.
  const own = page.getByRole('listitem', { name: 'My OpenAI', exact: true })
  await own.getByText('models.example.com').waitFor()
  await own.getByRole('button', { name: 'More actions for My OpenAI' }).click()
  await page.getByRole('menuitem', { name: 'Edit' }).click()
  const dialog = page.getByRole('dialog', { name: 'My OpenAI' })
  await dialog.getByText("The provider's default is https://api.openai.com/v1.").waitFor()
  await dialog.getByLabel('Base URL').fill('https://api.openai.com/v1')
  // A key belongs to the URL for which it was entered.
  await dialog.getByLabel('API key').fill('a-key-of-somebody')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await own.getByText('models.example.com').waitFor({ state: 'detached' })
  assert.equal((await page.content()).includes('a-key-of-somebody'), false)
  assert.deepEqual(complaints, [])
})

test('shows a taken name, an invalid header and an empty field at their fields', async (t) => {
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${server.url}/mcp-servers`)
  const { body } = await server.call('GET', '/v1/mcp-servers')
  const [known] = body.data as { name: string }[]
  await page.getByRole('button', { name: 'Add server' }).click()
  const dialog = page.getByRole('dialog', { name: 'New MCP server' })
  await dialog.getByLabel('Name').fill(known!.name)
  await dialog.getByLabel('URL').fill('https://mcp.example.com/')
  await dialog.getByRole('button', { name: 'Add server', exact: true }).click()
  await expectMarked(
    dialog.getByLabel('Name'),
    `An MCP server named ${known!.name} already exists.`,
  )
  await dialog.getByLabel('Name').fill('tracker')
  await dialog.getByRole('button', { name: 'Add header' }).click()
  await dialog.getByLabel('Header', { exact: true }).fill('no header')
  await dialog.getByRole('button', { name: 'Add server', exact: true }).click()
  await expectMarked(dialog.getByLabel('Header', { exact: true }), 'is not a name of a header')

  await createAgent(server, { name: 'Porter' })
  await page.goto(`${server.url}/schedules/new`)
  for (const isSecond of [false, true]) {
    await page.getByLabel('Name').fill('Morning report')
    await page.getByRole('combobox', { name: 'Agent' }).click()
    await page.getByRole('option', { name: 'Porter' }).click()
    await page.getByRole('textbox', { name: 'Message' }).fill('What is new?')
    await page.getByRole('button', { name: 'Create' }).click()
    if (isSecond) break
    await page.getByText('No runs yet').waitFor()
    await page.goto(`${server.url}/schedules/new`)
  }
  await expectMarked(page.getByLabel('Name'), 'A schedule named Morning report already exists.')

  await page.goto(`${server.url}/agents/new`)
  await page.getByRole('textbox', { name: 'Description' }).fill('At the door.')
  await page.getByRole('button', { name: 'Create' }).click()
  const form = page.getByRole('form', { name: 'Agent' })
  await form.getByText('must not be empty', { exact: true }).first().waitFor()
  for (const name of ['Name', 'System prompt']) {
    const field = page.getByRole('textbox', { name, exact: true })
    assert.equal(await field.getAttribute('aria-invalid'), 'true')
  }
  assert.deepEqual(complaints, [])
})
