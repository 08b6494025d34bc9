/** Edits that a person has not saved are not lost without a question. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { expectStatus } from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, createSession } from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser } from '../browser/browser.ts'
import { nextFrames, openPanel, openSession } from './opening.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

const question = (page: Page) => page.getByRole('dialog', { name: 'Discard unsaved changes?' })

async function keepEditing(page: Page) {
  await question(page).getByRole('button', { name: 'Keep editing' }).click()
  await question(page).waitFor({ state: 'detached' })
}

async function discard(page: Page) {
  await question(page).getByRole('button', { name: 'Discard changes' }).click()
  await question(page).waitFor({ state: 'detached' })
}

test('asks before the text of a file is lost by another file, a panel or another screen', async (t) => {
  const { id } = await createSession(server)
  for (const name of ['a', 'b']) {
    const path = `/v1/sessions/${id}/fs/${name}.md`
    expectStatus(await server.call('POST', path, { content: `File ${name}` }), 201)
  }
  const { page } = await openSession(t, browser, {
    url: server.url,
    id,
    query: '?panel=files&file=/a.md',
  })
  const editor = page.getByLabel('Content')
  const other = page.getByRole('treeitem', { name: 'b.md' })
  const rename = page.getByRole('button', { name: 'Rename' })
  await editor.fill('Edited')
  await eventually(async () => assert.ok(await rename.isDisabled()))
  const leave = [
    () => other.click(),
    () => page.getByRole('button', { name: 'Close', exact: true }).first().click(),
    () => page.getByRole('link', { name: 'Details', exact: true }).click(),
    () => page.getByRole('link', { name: 'Agents', exact: true }).click(),
  ]
  for (const way of leave) {
    await way()
    await keepEditing(page)
    assert.equal(await editor.inputValue(), 'Edited')
  }
  await page.getByRole('button', { name: 'Save file' }).click()
  await page.getByText('Saved', { exact: true }).waitFor()
  await eventually(async () => assert.ok(await rename.isEnabled()))
  await other.click()
  await page.getByRole('region', { name: '/b.md' }).waitFor()
  await editor.fill('Lost')
  await page.getByRole('treeitem', { name: 'a.md' }).click()
  await discard(page)
  await page.getByRole('region', { name: '/a.md' }).waitFor()
  const { body } = await server.call('GET', `/v1/sessions/${id}/fs/b.md`)
  assert.equal(body.content, 'File b')
})

test('deletes a file with unsaved changes without another question', async (t) => {
  const { id } = await createSession(server)
  const path = `/v1/sessions/${id}/fs/a.md`
  expectStatus(await server.call('POST', path, { content: 'File a' }), 201)
  const query = '?panel=files&file=/a.md'
  const { page } = await openSession(t, browser, { url: server.url, id, query })
  await page.getByLabel('Content').fill('Edited')
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByRole('button', { name: 'Delete file' }).click()
  await page.getByText('No files yet').waitFor()
  assert.equal(await question(page).count(), 0)
})

test('deletes a schedule with unsaved changes without another question', async (t) => {
  const { id: agent_id } = await createAgent(server)
  const target = { type: 'workflow', name: 'start_session', input: { agent_id, text: 'Hello' } }
  const fields = { name: 'Daily', cron_expression: '0 9 1 1 *', target }
  const made = await server.call('POST', '/v1/durable/schedules', fields)
  const { id } = expectStatus(made, 201)
  const at = `${server.url}/schedules/${id}?tab=edit`
  const { page } = await openTab(await openProfile(t, browser), at)
  await page.getByRole('textbox', { name: 'Message' }).fill('Edited')
  await page.getByRole('button', { name: 'Delete schedule' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete schedule' }).click()
  await page.getByText('No schedules yet').waitFor()
  assert.equal(await question(page).count(), 0)
})

test('asks before a step back in the history loses changes', async (t) => {
  const { page } = await openTab(await openProfile(t, browser), `${server.url}/schedules`)
  await page.getByRole('link', { name: 'New schedule' }).first().click()
  const field = page.getByLabel('Name')
  await field.fill('nightly')
  await page.goBack()
  await keepEditing(page)
  await page.waitForURL(/new$/)
  assert.equal(await field.inputValue(), 'nightly')
  await page.goBack()
  await discard(page)
  await page.waitForURL(/schedules$/)
  await field.waitFor({ state: 'detached' })
})

test('asks before a new schedule is lost, and not after it is saved', async (t) => {
  const { page } = await openTab(await openProfile(t, browser), `${server.url}/schedules/new`)
  await page.getByLabel('Name').fill('nightly')
  await page.getByRole('link', { name: 'Agents', exact: true }).click()
  await keepEditing(page)
  await page.getByRole('combobox', { name: 'Agent' }).click()
  await page.getByRole('option', { name: 'Assistant' }).click()
  await page.getByRole('textbox', { name: 'Message' }).fill('Good night')
  await page.getByRole('button', { name: 'Create schedule' }).click()
  await page.getByText('No runs yet').waitFor()
  assert.equal(await question(page).count(), 0)
})

for (const [name, at, label] of [
  ['New session', '/?new=true', 'First message'],
  ['Import agent', '/agents?importing=true', 'File'],
] as const) {
  test(`Escape keeps the text of the dialog ${name}`, async (t) => {
    const { page } = await openTab(await openProfile(t, browser), server.url + at)
    const dialog = page.getByRole('dialog', { name })
    const field = dialog.getByLabel(label)
    await field.fill('A long text')
    await page.keyboard.press('Escape')
    await page.evaluate(nextFrames)
    assert.equal(await field.inputValue(), 'A long text')
    await field.fill('')
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
  })
}

test('asks before a title is lost by another panel, and not after the session is deleted', async (t) => {
  const { id } = await createSession(server)
  const opened = { url: server.url, id, query: '?panel=details' }
  const { page } = await openSession(t, browser, opened)
  await page.getByLabel('Title').fill('Edited')
  await openPanel(page, 'Usage')
  await keepEditing(page)
  assert.equal(await page.getByLabel('Title').inputValue(), 'Edited')
  await page.getByRole('button', { name: 'Delete session' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete session' }).click()
  await page.waitForURL(`${server.url}/`)
  assert.equal(await question(page).count(), 0)
})

test('Escape closes a dialog with a form only while nothing is entered', async (t) => {
  const { page } = await openTab(await openProfile(t, browser), `${server.url}/budgets`)
  await page.getByRole('button', { name: 'New budget' }).first().click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel(/^Limit/).fill('5')
  await page.keyboard.press('Escape')
  await page.evaluate(nextFrames)
  assert.equal(await dialog.getByLabel(/^Limit/).inputValue(), '5')
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'New budget' }).first().click()
  await dialog.waitFor()
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
})
