/** A page recovers automatically when the database lost commits. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { createSession, eventsOf } from '../../../apps/server/test/session.ts'
import { eventually, startBrowser } from '../../browser/browser.ts'
import { startLosingDatabase } from '../../lost-commits.ts'
import { startProcess } from '../../process.ts'
import { openSession, say } from '../opening.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

test('drops events that the server lost, shows their replacements and a notice', async (t) => {
  const database = await startLosingDatabase(t)
  const server = await startProcess({ DATABASE_URL: database.url })
  t.after(server.crash)
  const { id } = await createSession(server)
  const { page, log } = await openSession(t, browser, { url: server.url, id })
  await say(page, 'The first')
  await log.getByText('You said “The first”').waitFor()
  await page.getByRole('button', { name: 'Send', exact: true }).waitFor()
  await database.save()
  await say(page, 'The lost one')
  await log.getByText('You said “The lost one”').waitFor()
  await page.getByRole('button', { name: 'Send', exact: true }).waitFor()
  await database.lose()

  await say(page, 'The third')
  await log.getByText('You said “The third”').waitFor()
  const notice = page.getByText('The server lost recent events. The conversation was reloaded.')
  await notice.waitFor()
  await log.getByText('The lost one').first().waitFor({ state: 'detached' })
  assert.equal(await log.getByText('You said “The first”').count(), 1)
  assert.equal(await page.locator('.outgoing').count(), 0)
  await page.getByRole('button', { name: 'Dismiss' }).click()
  await notice.waitFor({ state: 'detached' })
  await eventually(async () => {
    const said = (await eventsOf(server, id)).flatMap((event) =>
      event.type === 'input.message' ? event.data.message.content : [],
    )
    assert.deepEqual(
      said.map((part) => part.type === 'text' && part.text),
      ['The first', 'The third'],
    )
  })
})
