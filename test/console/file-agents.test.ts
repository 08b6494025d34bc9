/** Agents that files of the project define, in the console. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import {
  deploy,
  fileAgent,
  fileAgentsOf,
  startWithAgents,
} from '../../apps/server/test/file-agents.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { createAgent } from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser } from '../browser/browser.ts'

const support = fileAgent('support.md', {
  name: 'Support',
  system_prompt: 'You answer questions about orders.',
  tags: ['shop'],
  default_model_id: 'model_01933b5a000070008000000000000401',
  capabilities: [{ ref: 'current_time', config: { timezone: 'Europe/Kyiv' } }],
  tools: [{ type: 'client_side', name: 'show_map', description: 'Shows a map.' }],
})

let browser: Browser
let server: Awaited<ReturnType<typeof startWithAgents>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startWithAgents(t as never, [support])
})

test('shows an agent from a file without controls that change it, and edits a copy', async (t) => {
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${server.url}/agents`)
  const row = page.getByRole('listitem', { name: 'Support' })
  await row.getByText('from agents/support.md', { exact: true }).waitFor()
  assert.equal(await page.getByText(/^from /).count(), 1)
  await row.getByRole('link').click()

  await page.getByText('edit the file agents/support.md of the project').waitFor()
  const agent = page.getByRole('region', { name: 'Agent', exact: true })
  for (const text of ['You answer questions about orders.', 'shop', 'Simulated', 'Current Time']) {
    await agent.getByText(text, { exact: true }).waitFor()
  }
  await agent.getByText('"Europe/Kyiv"').waitFor()
  await agent.getByText('"show_map"').waitFor()
  const controls = agent.locator('input, textarea, select, button, [contenteditable], [draggable]')
  assert.equal(await controls.count(), 0)
  assert.equal(await page.getByRole('button', { name: /^Save/ }).count(), 0)

  await page.getByRole('button', { name: 'More actions' }).click()
  await page.getByRole('menuitem', { name: 'Duplicate' }).waitFor()
  assert.equal(await page.getByRole('menuitem', { name: 'Archive' }).count(), 0)
  await page.getByRole('menuitem', { name: 'Duplicate' }).click()
  await page.getByRole('heading', { name: 'Support copy' }).waitFor()
  const prompt = page.getByRole('textbox', { name: 'System prompt' })
  await prompt.fill('You answer questions about maps.')
  await page.getByRole('button', { name: 'Save changes' }).click()
  await eventually(async () => {
    const { body } = await server.call('GET', '/v1/agents')
    const copy = body.data.find(({ name }: { name: string }) => name === 'Support copy')
    assert.deepEqual(
      [copy.source, copy.system_prompt, copy.tools[0].name],
      ['api', 'You answer questions about maps.', 'show_map'],
    )
  })
  assert.deepEqual(complaints, [])
})

test('talks with an agent from a file in its playground', async (t) => {
  const { id } = (await fileAgentsOf(server.call)).get('Support')!
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${server.url}/agents/${id}`)
  await page.getByLabel('First message').fill('Hello there')
  await page.keyboard.press('Enter')
  await page
    .getByRole('log')
    .getByText(/Hello there/)
    .first()
    .waitFor()
  await page.getByRole('link', { name: 'Preview' }).click()
  await page
    .getByRole('region', { name: 'Preview' })
    .getByText('get_current_time')
    .first()
    .waitFor()
  assert.deepEqual(complaints, [])
})

test('offers only agents that the console can change for another capability', async (t) => {
  await createAgent(server, { name: 'Changeable' })
  const profile = await openProfile(t, browser)
  const { page } = await openTab(profile, `${server.url}/capabilities?open=test_weather`)
  await page.getByRole('button', { name: 'Add to agent' }).click()
  await page.getByRole('menuitem', { name: 'Changeable' }).waitFor()
  assert.equal(await page.getByRole('menuitem', { name: 'Support', exact: true }).count(), 0)
})

test('shows how to restore an agent whose file was removed, without a reload', async (t) => {
  const { call, databaseUrl, url } = server
  const { id } = (await fileAgentsOf(call)).get('Support')!
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${url}/agents/${id}`)
  await page.getByText('edit the file agents/support.md of the project').waitFor()
  await deploy(t, databaseUrl, [])
  await page.getByText('This agent is archived').waitFor()
  await page.getByText('The file agents/support.md was removed').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Restore agent' }).count(), 0)
  await deploy(t, databaseUrl, [support])
  await page.getByText('edit the file agents/support.md of the project').waitFor()
  assert.deepEqual(complaints, [])
})
