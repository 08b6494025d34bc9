import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../apps/server/test/access.ts'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { createSession, scripted } from '../../apps/server/test/session.ts'
import { openProfile, openTab, startBrowser } from '../browser/browser.ts'
import { startProcess } from '../process.ts'
import { openPanel, openSession, say } from './opening.ts'

const words = Array.from({ length: 60 }, (_, n) => `word${n}`).join(' ')

test('a session and the page of a link follow a turn through a server restart without a reload', async (t) => {
  const DATABASE_URL = await createTestDatabase(t)
  const one = await startProcess({ DATABASE_URL })
  t.after(one.crash)
  const browser = await startBrowser(t)
  const { id } = await createSession(one)
  const { page, complaints, log } = await openSession(t, browser, { url: one.url, id })
  const made = await one.call('POST', `/v1/sessions/${id}/shares`, {})
  const link = one.url + expectStatus(made, 201).path
  const { page: shared } = await openTab(await openProfile(t, browser), link)
  await say(page, scripted({ text: words, tokens_per_second: 20 }))
  await log.getByText(/^word0 word1 word2/).waitFor()
  await shared
    .getByRole('log')
    .getByText(/^word0 word1 word2/)
    .waitFor()
  await one.crash()
  await page.getByText('Connection lost.').waitFor()
  await shared.getByText('Connection lost. Reconnecting…').waitFor()
  await page.getByText('Active', { exact: true }).waitFor()

  const two = await startProcess({ DATABASE_URL, PORT: new URL(one.url).port })
  t.after(() => two.stop())
  await page.getByText('Connection lost.').waitFor({ state: 'detached' })
  await log.getByText(words, { exact: true }).waitFor()
  await page.getByText('Idle', { exact: true }).waitFor()
  await shared.getByText('Connection lost.').waitFor({ state: 'detached' })
  await shared.getByRole('log').getByText(words, { exact: true }).waitFor()
  await openPanel(page, 'Timeline')
  await page.getByText('1 model call · 1 takeover').waitFor()
  await page.getByRole('button', { name: /, taken over$/ }).click()
  await page.getByRole('status').getByText('The node was lost. Another node took over').waitFor()
  assert.deepEqual(
    complaints.filter((text) => !text.includes('net::ERR_')),
    [],
  )
})
