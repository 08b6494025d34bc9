import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerFile, startDev } from '../../apps/server/test/processes/dev.ts'
import { createAgent, createSession, scripted } from '../../apps/server/test/session.ts'
import { startBrowser } from '../browser/browser.ts'
import { openSession, say } from './opening.ts'

test('shows code that does not load on every screen until it is fixed, and follows a turn through reloads', async (t) => {
  const server = await startDev(t, { 'tools/answer.ts': answerFile('one') })
  const browser = await startBrowser(t)
  const agent = await createAgent(server, { capabilities: [{ ref: 'tools' }] })
  const { id } = await createSession(server, { agent_id: agent.id })
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  server.write('tools/answer.ts', `${answerFile('two')}\nconst = 3\n`)
  const banner = page.getByText(/tools\/answer\.ts:10 is not valid TypeScript/)
  await banner.waitFor()
  await page.goto(`${server.url}/agents`)
  await banner.waitFor()
  server.write('tools/answer.ts', answerFile('three'))
  await banner.waitFor({ state: 'detached' })

  await page.goto(`${server.url}/sessions/${id}`)
  const words = Array.from({ length: 60 }, (_, n) => `word${n}`).join(' ')
  await say(page, scripted({ text: words, tokens_per_second: 20 }))
  await log.getByText(/^word0 word1 word2/).waitFor()
  server.write('tools/answer.ts', answerFile('four'))
  await server.shows('Reloaded', 2)
  await log.getByText(words, { exact: true }).waitFor()
  await page.getByText('Idle', { exact: true }).waitFor()
  assert.deepEqual(
    complaints.filter((text) => !text.includes('net::ERR_')),
    [],
  )
})
