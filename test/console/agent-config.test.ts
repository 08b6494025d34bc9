import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { Type } from 'typebox'
import { defineCapability } from '../../apps/server/src/capabilities/capability.ts'
import { builtins } from '../../apps/server/src/capabilities/index.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent } from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser, valueIn } from '../browser/browser.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

const optional = Type.Optional
const modes = Type.Unsafe<string>({ type: 'string', enum: ['calm', 'loud'] })

/** A capability whose configuration needs every kind of form control. */
const everything = defineCapability({
  id: 'everything',
  name: 'Everything',
  description: 'For tests.',
  category: 'Testing',
  icon: 'lock',
  status: 'available',
  config: Type.Object(
    {
      key: optional(Type.String({ minLength: 10, writeOnly: true })),
      attempts: optional(Type.Integer({ minimum: 1, maximum: 9, description: 'How often.' })),
      share: optional(Type.Number()),
      mode: optional(modes),
      words: optional(Type.Array(Type.String())),
      doors: optional(
        Type.Array(Type.Object({ name: Type.String(), lock: optional(Type.Boolean()) })),
      ),
      place: optional(
        Type.Object({ house: optional(Type.Object({ street: optional(Type.String()) })) }),
      ),
    },
    { additionalProperties: false },
  ),
  sessionRules: {
    key: 'session',
    attempts: 'session',
    share: 'session',
    mode: 'session',
    words: 'session',
    doors: 'session',
    place: 'session',
  },
})

const secret = 'hunter2-hunter2'
const start = (t: TestContext) => startServer(t, { capabilities: [...builtins, everything] })
const labelled = (page: Page, label: string) =>
  page.getByRole('region', { name: 'Everything' }).getByLabel(label, { exact: true })

test('renders a configuration of lists, objects and limits as a form, and never shows its secret', async (t) => {
  const server = await start(t)
  const { page, complaints } = await openTab(
    await openProfile(t, browser),
    `${server.url}/agents/new?add=everything`,
  )
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Porter')
  await page.getByRole('textbox', { name: 'System prompt' }).fill('You open doors.')
  const card = page.getByRole('region', { name: 'Everything' })
  await card.getByText('Configuration').click()
  await labelled(page, 'Key').fill(secret)
  await card.getByText('How often. Range: 1 to 9.').waitFor()
  await labelled(page, 'Attempts').fill('12')
  await card.getByText('must be between 1 and 9').waitFor()
  await labelled(page, 'Attempts').fill('3')
  await labelled(page, 'Share').pressSequentially('0.25')
  await labelled(page, 'Mode').click()
  await page.getByRole('option', { name: 'loud' }).click()
  await labelled(page, 'Words').fill('open')
  await page.keyboard.press('Enter')
  await card.getByRole('button', { name: 'Add item to Doors' }).click()
  await card.getByRole('textbox', { name: 'Name', exact: true }).fill('front')
  await labelled(page, 'Lock').check()
  await card.getByText('Place').click()
  await card.getByText('House').click()
  await labelled(page, 'Street').fill('Mill Lane')
  await page.getByText('This configuration is invalid').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Create' }).click()
  await page.waitForURL(/\/agents\/agent_/)
  const id = new URL(page.url()).pathname.split('/').at(-1)!
  const config = {
    key: '********',
    attempts: 3,
    share: 0.25,
    mode: 'loud',
    words: ['open'],
    doors: [{ name: 'front', lock: true }],
    place: { house: { street: 'Mill Lane' } },
  }
  const stored = async () => (await server.call('GET', `/v1/agents/${id}`)).body.capabilities
  assert.deepEqual(await stored(), [{ ref: 'everything', config }])

  // The mask replaces the stored secret and is not validated.
  await page.goto(`${server.url}/agents/${id}?side=preview`)
  await page
    .getByRole('region', { name: 'Preview' })
    .getByText('No tools', { exact: true })
    .waitFor()
  assert.equal(await labelled(page, 'Key').inputValue(), '********')
  assert.equal((await page.content()).includes(secret), false)
  assert.equal(await page.getByText('This configuration is invalid').count(), 0)
  await labelled(page, 'Street').fill('Mill Road')
  await page.getByRole('button', { name: 'Save' }).click()
  const place = { house: { street: 'Mill Road' } }
  // The button is disabled during the save, so it does not show when the agent is stored.
  await eventually(async () =>
    assert.deepEqual(await stored(), [{ ref: 'everything', config: { ...config, place } }]),
  )
  await page.getByRole('button', { name: 'Save', disabled: true }).waitFor()

  await page.getByRole('button', { name: 'More actions' }).click()
  await page.getByRole('menuitem', { name: 'Duplicate' }).click()
  await page.getByRole('heading', { name: 'Porter copy' }).waitFor()
  assert.equal(await labelled(page, 'Key').inputValue(), '')
  assert.deepEqual(complaints, [])
})

/** Returns the names of the capabilities in order. */
const orderOf = (page: Page) =>
  page.locator('.use').evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')))

test('reorders capabilities by mouse and keyboard, and imports every export format', async (t) => {
  const server = await startServer(t)
  const capabilities = ['current_time', 'test_math', 'test_weather'].map((ref) => ({ ref }))
  const { id } = await createAgent(server, { name: 'Porter', capabilities })
  const url = `${server.url}/agents/${id}`
  const { page, complaints } = await openTab(await openProfile(t, browser), url)
  const weather = page.getByRole('region', { name: 'Test Weather' })
  await weather.getByText('Test Weather').dragTo(page.getByRole('region', { name: 'Current Time' }))
  await eventually(async () =>
    assert.deepEqual(await orderOf(page), ['Test Weather', 'Current Time', 'Test Math']),
  )
  const up = page.getByRole('button', { name: 'Move Test Math up' })
  await up.focus()
  for (let presses = 0; presses < 3; presses += 1) await page.keyboard.press('Enter')
  await eventually(async () =>
    assert.deepEqual(await orderOf(page), ['Test Math', 'Test Weather', 'Current Time']),
  )
  await eventually(async () => {
    const focused = await valueIn(page, "document.activeElement.getAttribute('aria-label')")
    assert.equal(focused, 'Move Test Math up')
  })
  await page.keyboard.press('Control+s')
  await page.getByText('Using the saved version.').waitFor()

  for (const [format, sign] of [
    ['Markdown', '---\n'],
    ['JSON', '{'],
  ] as const) {
    await page.goto(url)
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('menuitem', { name: format }).click()
    const file = await text(await (await download).createReadStream())
    assert.ok(file.startsWith(sign), file)
    await page.goto(`${server.url}/agents?importing=true`)
    const dialog = page.getByRole('dialog', { name: 'Import agent' })
    await dialog.getByLabel('File').fill(file.replace('Porter', `Porter of ${format}`))
    await dialog.getByRole('button', { name: 'Import agent', exact: true }).click()
    await page.getByRole('heading', { name: `Porter of ${format}` }).waitFor()
    await eventually(async () =>
      assert.deepEqual(await orderOf(page), ['Test Math', 'Test Weather', 'Current Time']),
    )
  }
  assert.deepEqual(complaints, [])
})
