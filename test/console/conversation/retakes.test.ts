import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { createSession } from '../../../apps/server/test/session.ts'
import { startBrowser } from '../../browser/browser.ts'
import { openSession, say } from '../opening.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

/** Waits for the end of the turn. A message of a running turn cannot be sent again. */
const isIdle = (page: Page) => page.getByRole('button', { name: 'Send', exact: true }).waitFor()

test('a message can be edited and sent again, in a session that continues from before it', async (t) => {
  const { id } = await createSession(server)
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  await say(page, 'First')
  await log.getByText('You said “First”').waitFor()
  await say(page, 'Secnod')
  await log.getByText('You said “Secnod”').waitFor()
  await isIdle(page)
  await log.getByRole('button', { name: 'Edit and send again' }).last().click()
  const edited = log.getByLabel('Edited message')
  await edited.fill('   ')
  assert.equal(
    await log.getByRole('button', { name: 'Send again', exact: true }).isEnabled(),
    false,
  )
  await edited.fill('Second')
  await log.getByRole('button', { name: 'Send again', exact: true }).click()
  await page.waitForURL((url) => !url.pathname.endsWith(id))
  await log.getByText('You said “Second”').waitFor()
  await log.getByText('You said “First”').waitFor()
  assert.equal(await log.getByText('You said “Secnod”').count(), 0)
  await page.goBack()
  await log.getByText('You said “Secnod”').waitFor()
  assert.deepEqual(complaints, [])
})

test('a reply can be regenerated, and shows its time, agent, model and tokens', async (t) => {
  const { id, agent_id } = await createSession(server)
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  await say(page, 'Again please')
  await log.getByText('You said “Again please”').waitFor()
  await log.getByText(/^[\d.]+K? tokens$/).waitFor()
  const facts = log.locator('.message-facts').filter({ hasText: 'tokens' })
  await facts.getByText('llmsim-default').waitFor()
  const agent = (await server.call('GET', '/v1/agents')).body.data.find(
    (one: { id: string }) => one.id === agent_id,
  )
  await facts.getByText(agent.name, { exact: true }).waitFor()
  await isIdle(page)
  await log.getByRole('button', { name: 'Regenerate' }).click()
  await page.waitForURL((url) => !url.pathname.endsWith(id))
  await log.getByText('You said “Again please”').waitFor()
  const { body } = await server.call('GET', `/v1/sessions/${id}`)
  assert.ok(page.url().endsWith(body.superseded_by))
  assert.deepEqual(complaints, [])
})
