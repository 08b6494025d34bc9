import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expectStatus } from '../../../apps/server/test/access.ts'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { startModel } from '../../../apps/server/test/remotes/written-model.ts'
import { openProfile, openTab, startBrowser } from '../../browser/browser.ts'
import { reservePort } from '../../ports.ts'
import { startProcess } from '../../process.ts'
import { openPanel, openSession, say } from '../opening.ts'

const words = Array.from({ length: 60 }, (_, n) => `word${n}`).join(' ')

test('a session and the page of a link follow a turn through a server restart without a reload', async (t) => {
  const database = { DATABASE_URL: await createTestDatabase(t), PORT: await reservePort() }
  const env = { ...database, PRIVATE_HOSTS_ALLOWED: '127.0.0.1' }
  const model = await startModel(t)
  const one = await startProcess(env)
  t.after(one.crash)
  const browser = await startBrowser(t)
  const { id } = await model.session(one)
  const { page, complaints, log } = await openSession(t, browser, { url: one.url, id })
  const made = await one.call('POST', `/v1/sessions/${id}/shares`, {})
  const link = one.url + expectStatus(made, 201).path
  const { page: shared } = await openTab(await openProfile(t, browser), link)
  await say(page, 'Count')
  const interrupted = await model.call()
  interrupted.say('word0 word1 word2')
  await log.getByText(/^word0 word1 word2/).waitFor()
  await shared
    .getByRole('log')
    .getByText(/^word0 word1 word2/)
    .waitFor()
  await one.crash()
  await page.getByText('Connection lost.').waitFor()
  await shared.getByText('Connection lost. Reconnecting…').waitFor()
  await page.getByText('Active', { exact: true }).waitFor()

  const two = await startProcess(env)
  t.after(() => two.stop())
  await page.getByText('Connection lost.').waitFor({ state: 'detached' })
  const repeated = await model.call(2)
  repeated.say(words)
  repeated.end()
  await log.getByText(words, { exact: true }).waitFor()
  await page.getByText('Idle', { exact: true }).waitFor()
  await shared.getByText('Connection lost.').waitFor({ state: 'detached' })
  await shared.getByRole('log').getByText(words, { exact: true }).waitFor()
  await openPanel(page, 'Timeline')
  await page.getByText('1 model call · 1 takeover').waitFor()
  await page.getByRole('button', { name: /, taken over$/ }).click()
  await page.locator('.inspector').getByText('The node was lost. Another node took over').waitFor()
  assert.deepEqual(
    complaints.filter((text) => !text.includes('net::ERR_')),
    [],
  )
})
