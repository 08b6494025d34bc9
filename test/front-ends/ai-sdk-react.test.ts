/** `useChat` of the AI SDK in Chromium, with React in strict mode and tokens of an end user. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import type { ScriptStep } from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser } from '../browser/browser.ts'
import {
  agentOf,
  endless,
  type Product,
  send,
  startProduct,
  tokensOf,
  untilGrowing,
} from './guarded.ts'
import { bundle, startSite } from './site.ts'

const root = path.join(import.meta.dirname, '../..')

let browser: Browser
let origin: string
let product: Product

beforeAll(async (t) => {
  browser = await startBrowser(t)
  const script = await bundle(path.join(root, 'test/front-ends/ai-sdk-page.tsx'), root)
  const token = (...asked: Parameters<ReturnType<typeof tokensOf>>) => tokensOf(product)(...asked)
  origin = await startSite(t, script, { '/api/outlast-token': token })
  product = await startProduct(t, origin)
})

type Hook = { after: (work: () => unknown) => void }

/** Opens the chat of an agent that answers with this script. */
async function openChat(t: Hook, ...steps: ScriptStep[]) {
  const agent = await agentOf(product, ...steps)
  const query = new URLSearchParams({ url: product.url, agentId: agent.id, id: 'my-chat' })
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${origin}/?${query}`)
  await ready(page)
  return { page, complaints, agent }
}

const ready = (page: Page) => page.locator('main[data-status=ready]').waitFor()
const replies = (page: Page) => page.locator('[data-role=assistant]')

type Stored = { role: string; parts: { text?: string }[] }

/** Fails unless the page has the messages of the log. */
async function expectLog(page: Page, { id }: { id: string }) {
  const at = `/v1/ai-sdk/agents/${id}/chat/my-chat/messages?user=ada`
  const shown = () =>
    page
      .locator('article')
      .evaluateAll((all) => all.map((one) => [one.getAttribute('data-role'), one.textContent]))
  await eventually(async () => {
    const { body } = await product.call('GET', at)
    const texts = body.messages.map(({ role, parts }: Stored) => [
      role,
      parts.map(({ text }) => text ?? '').join(''),
    ])
    assert.equal(body.status, 'idle')
    assert.deepEqual(await shown(), texts)
  })
}

/** Cancels the turn, which ends the answer in the page. */
async function cancel({ id }: { id: string }) {
  const { data } = await product.outlast.sessions.list({ agent_id: id })
  await product.call('POST', `/v1/sessions/${data[0]!.id}/cancel`)
}

test('an answer streams into the page, and a reload in the middle continues it', async (t) => {
  const { page, complaints, agent } = await openChat(t, endless)
  await send(page, 'Count.')
  await untilGrowing(page)
  assert.equal(await replies(page).count(), 1)
  await page.reload()
  await untilGrowing(page)
  assert.equal(await replies(page).count(), 1)
  await cancel(agent)
  await ready(page)
  await expectLog(page, agent)
  assert.deepEqual(complaints, [])
})

test('a person approves after a reload, and the tool runs once', async (t) => {
  const { page, complaints, agent } = await openChat(
    t,
    { text: 'I ask.', tool_calls: [{ name: 'multiply', arguments: { a: 2, b: 3 } }] },
    { text: 'Six.' },
  )
  await send(page, 'Calculate.')
  await page.getByRole('button', { name: 'Allow multiply' }).waitFor()
  await ready(page)
  const resumed = page.waitForResponse((response) => response.url().endsWith('/my-chat/stream'))
  await page.reload()
  await resumed
  await ready(page)
  await page.getByRole('button', { name: 'Allow multiply' }).click()
  await replies(page).getByText('Six.').waitFor()
  await ready(page)
  assert.deepEqual(complaints, [])
  await expectLog(page, agent)
  const { data } = await product.outlast.sessions.list({ agent_id: agent.id })
  const log = await product.call('GET', `/v1/sessions/${data[0]!.id}/events`)
  const done = log.body.data.filter(({ type }: { type: string }) => type === 'tool.completed')
  assert.equal(done.length, 1)
})
