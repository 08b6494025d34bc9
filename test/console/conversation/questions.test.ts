import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  scripted,
} from '../../../apps/server/test/session.ts'
import { startBrowser } from '../../browser/browser.ts'
import { openSession, toolOf } from '../opening.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

const phone = { viewport: { width: 375, height: 740 }, hasTouch: true, isMobile: true }

/** Opens a session on a phone whose turn waits for answers. */
async function openAsking(t: TestContext, questions: object[]) {
  const { id: agent_id } = await createAgent(server, { capabilities: [{ ref: 'ask_user' }] })
  const { id } = await createSession(server, { agent_id })
  const call = { name: 'ask_user', arguments: { questions } }
  await post(server, id, scripted({ tool_calls: [call] }, { text: 'All done.' }))
  const opened = await openSession(t, browser, { url: server.url, id, options: phone })
  const card = toolOf(opened.page, 'ask_user')
  const send = card.getByRole('button', { name: 'Answer', exact: true })
  await send.waitFor()
  return { id, card, send, ...opened }
}

async function resultIn(id: string) {
  const [event] = await eventsOf(server, id, '?types=tool.completed')
  const part = event?.type === 'tool.completed' ? event.data.result?.[0] : undefined
  return part?.type === 'text' ? JSON.parse(part.text) : undefined
}

test('answers questions of every kind in the conversation', async (t) => {
  const { id, page, card, send, log, complaints } = await openAsking(t, [
    { question: 'Which color?', options: [{ label: 'Red' }, { label: 'Blue' }] },
    { id: 'gift', kind: 'boolean', question: 'Is it a gift?' },
    { id: 'size', kind: 'number', question: 'Which size?' },
    { id: 'note', kind: 'text', question: 'What should the card say?' },
  ])
  assert.equal(await send.isDisabled(), true)
  await card.getByLabel('Blue', { exact: true }).check()
  await card.getByLabel('No', { exact: true }).check()
  await card.getByLabel('Which size?').pressSequentially('10.05')
  await card.getByLabel('What should the card say?').fill('Congratulations')
  await send.tap()
  await log.getByText('All done.', { exact: true }).waitFor()
  assert.equal(await send.count(), 0)
  assert.deepEqual((await resultIn(id)).answers, [
    { id: 'q1', selected: ['Blue'] },
    { id: 'gift', value: false },
    { id: 'size', value: 10.05 },
    { id: 'note', value: 'Congratulations' },
  ])
  await page.reload()
  await log.getByText('All done.', { exact: true }).waitFor()
  assert.deepEqual(complaints, [])
})

test('a secret is not shown while it is typed, and questions can be declined', async (t) => {
  const { id, page, card, send, log, complaints } = await openAsking(t, [
    { kind: 'secret', question: 'The token?', secret_name: 'crm_token', purpose: 'To read.' },
  ])
  const field = card.getByLabel('The token?')
  assert.equal(await field.getAttribute('type'), 'password')
  await field.fill('canary-secret')
  await send.tap()
  await log.getByText('All done.', { exact: true }).waitFor()
  assert.equal((await resultIn(id)).answers[0].secret_ref, 'session:crm_token')
  assert.doesNotMatch(await page.content(), /canary-secret/)
  assert.deepEqual(complaints, [])
  const other = await openAsking(t, [{ kind: 'text', question: 'Why?' }])
  await other.card.getByRole('button', { name: 'Decline' }).tap()
  await other.log.getByText('All done.', { exact: true }).waitFor()
  assert.equal((await resultIn(other.id)).status, 'declined')
})

test('the form ends when another client answers', async (t) => {
  const { id, send, log } = await openAsking(t, [{ kind: 'text', question: 'Why?' }])
  const path = `/v1/sessions/${id}/question-answers`
  const { status } = await server.call('POST', path, { status: 'declined' })
  assert.equal(status, 200)
  await log.getByText('All done.', { exact: true }).waitFor()
  assert.equal(await send.count(), 0)
})
