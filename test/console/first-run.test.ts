import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import {
  addMember,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { type Asked, sendJson, startAnyVendor } from '../../apps/server/test/remotes/any-vendor.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { openProfile, openTab, signIn, startBrowser } from '../browser/browser.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

const chunk = (delta: object, finish_reason: string | null = null) => {
  const choices = [{ index: 0, delta, finish_reason }]
  return `data: ${JSON.stringify({ id: '1', object: 'chat.completion.chunk', created: 1, model: 'm', choices })}\n\n`
}

/** A vendor that knows one key. */
const startKeyed = (t: Parameters<typeof startAnyVendor>[0]) =>
  startAnyVendor(t, ({ headers }: Asked, response) => {
    if (headers.authorization !== 'Bearer sk-good') {
      sendJson(response, { error: { message: 'Incorrect API key provided' } }, 401)
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const text = chunk({ role: 'assistant', content: 'Real words.' })
    response.end(`${text}${chunk({}, 'stop')}data: [DONE]\n\n`)
  })

const form = (page: Page) => page.getByRole('form', { name: 'Connect a model provider' })

async function chooseProvider(page: Page, name: RegExp) {
  await form(page).getByRole('combobox', { name: 'Provider' }).click()
  await page.getByRole('option', { name }).click()
}

test('the first screen tests a key, saves only one that works, and the next message uses it', async (t) => {
  const server = await startServer(t)
  const vendor = await startKeyed(t)
  const providers = async (): Promise<{ provider_type: string }[]> =>
    expectStatus(await server.call('GET', '/v1/providers'), 200).data
  const usual = async () => {
    const { data } = expectStatus(await server.call('GET', '/v1/models?limit=1000'), 200)
    return data.find((model: { is_default: boolean }) => model.is_default)?.model_id
  }
  const usualBefore = await usual()
  const { page } = await openTab(await openProfile(t, browser), server.url)
  await chooseProvider(page, /^Chat Completions/)
  await form(page).getByLabel('Base URL').fill(`${vendor.url}/v1`)
  await form(page)
    .getByLabel(/^Model/)
    .fill('grind-1')
  await form(page).getByLabel('API key').fill('sk-wrong')
  await form(page).getByRole('button', { name: 'Test and save' }).click()
  await form(page).getByText('grind-1 did not respond').waitFor()
  await form(page)
    .getByText(/Incorrect API key provided/)
    .waitFor()
  await form(page).getByText('Nothing was saved.').waitFor()
  assert.ok(
    (await providers()).every(({ provider_type }) => provider_type !== 'openai_completions'),
  )
  assert.equal(await usual(), usualBefore)

  await form(page).getByLabel('API key').fill('sk-good')
  await form(page).getByRole('button', { name: 'Test and save' }).click()
  await page.getByText(/^grind-1 responded in \d+ ms\./).waitFor()
  await page.getByRole('button', { name: /^Assistant/ }).click()
  await page.getByRole('textbox', { name: 'Message' }).fill('Hello')
  await page.keyboard.press('Enter')
  await page.getByRole('log').getByText('Real words.').waitFor()
  assert.equal((await providers()).length, 5)
  assert.equal(await usual(), 'grind-1')

  // Models of the other providers cannot be chosen, and the reason is shown.
  await page.getByRole('combobox', { name: 'Model' }).click()
  await page.getByRole('option', { name: /^grind-1/ }).waitFor()
  const others = page.getByRole('option', { name: /more with an API key for/ })
  assert.match((await others.textContent())!, /Anthropic, Google, OpenAI/)
  assert.equal(await others.getAttribute('data-combobox-disabled'), 'true')
  assert.equal(await page.getByRole('option', { name: /^GPT-/ }).count(), 0)
})

test('a provider that exists without a key gets the tested key, and its model is the default', async (t) => {
  const server = await startServer(t)
  const { page, complaints } = await openTab(await openProfile(t, browser), server.url)
  // The vendor is not reachable from tests, so its answer is made up.
  let tested: unknown
  await page.route('**/v1/llm-providers/*/test', async (route) => {
    tested = route.request().postDataJSON()
    const model_id = 'model_01933b5a000070008000000000000312'
    await route.fulfill({ json: { ok: true, model_id, model: 'claude-sonnet-5-5', latency_ms: 7 } })
  })
  await chooseProvider(page, /^Anthropic/)
  await form(page).getByLabel('API key').fill('sk-ant-good')
  await form(page).getByRole('button', { name: 'Test and save' }).click()
  await page.getByText(/^claude-sonnet-5-5 responded in 7 ms\./).waitFor()
  assert.deepEqual(tested, { api_key: 'sk-ant-good' })
  const { data } = expectStatus(await server.call('GET', '/v1/models?limit=1000'), 200)
  const usual = data.find((model: { is_default: boolean }) => model.is_default)
  assert.deepEqual([usual.provider_type, usual.healthy], ['anthropic', true])
  const providers = expectStatus(await server.call('GET', '/v1/providers'), 200).data
  assert.equal(providers.length, 4)
  assert.deepEqual(complaints, [])
})

test('a member that may not add a key can start with a simulated model', async (t) => {
  const server = await startGuarded(t)
  const member = await addMember(server, await registerPerson(server), 'member')
  const { page, complaints } = await openTab(await openProfile(t, browser), server.url)
  await signIn(page, member)
  await page.getByText('until an administrator adds an API key').waitFor()
  await page.getByRole('button', { name: /^Guided Tour/ }).waitFor()
  assert.equal(await form(page).count(), 0)
  assert.deepEqual(
    complaints.filter((text) => !text.includes('401')),
    [],
  )
})
