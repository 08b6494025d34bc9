import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startModel } from '../../../apps/server/test/remotes/written-model.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { startBrowser } from '../../browser/browser.ts'
import { openSession, say, toolOf } from '../opening.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

test('shows the arguments of a call while the model writes them, and then the call', async (t) => {
  const model = await startModel(t)
  const server = await startServer(t, { env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' } })
  const { id } = await model.session(server, { capabilities: [{ ref: 'test_math' }] })
  const { page, log, complaints } = await openSession(t, browser, { url: server.url, id })
  await say(page, 'Calculate')
  const call = await model.call()
  call.input(0, '{"a":123,', { id: 'call_1', name: 'add' })
  await toolOf(page, 'add').getByText('{"a":123,').waitFor()
  await toolOf(page, 'add').getByText('The agent is writing the arguments').waitFor()
  call.input(0, '"b":456}')
  await toolOf(page, 'add').getByText('{"a":123,"b":456}').waitFor()
  call.end()
  const answer = await model.call(2)
  answer.say('It is 579.')
  answer.end()
  await log.getByText('It is 579.').waitFor()
  assert.equal(await toolOf(page, 'add').count(), 1)
  assert.equal(await page.getByText('The agent is writing the arguments').count(), 0)
  assert.deepEqual(complaints, [])
})
