/** The examples with Next.js, in Chromium. `npm run test:front-ends` installs and builds them. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import type { ScriptStep } from '../../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser } from '../../browser/browser.ts'
import { reservePort } from '../../ports.ts'
import { agentOf, endless, startProduct, untilGrowing } from '../guarded.ts'

const folder = process.env.OUTLAST_FRONT_ENDS ?? ''
let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

/** Opens the page of an example, and starts a product whose agent gives this answer. */
async function startExample(t: TestContext, name: string, answer: ScriptStep) {
  const port = await reservePort()
  const origin = `http://localhost:${port}`
  const product = await startProduct(t, origin)
  const agent = await agentOf(product, answer)
  const cwd = path.join(folder, 'examples', name)
  const env = { ...process.env, ...product.env(agent), NEXT_TELEMETRY_DISABLED: '1' }
  let next = await startNext(t, { cwd, env, origin })
  const restart = async () => {
    await next.stop()
    next = await startNext(t, { cwd, env, origin })
  }
  const tab = await openTab(await openProfile(t, browser), origin)
  return { ...tab, product, restart }
}

type Site = { cwd: string; env: NodeJS.ProcessEnv; origin: string }

/** Starts the server of Next.js. */
async function startNext(t: TestContext, { cwd, env, origin }: Site) {
  const program = path.join(folder, 'node_modules/next/dist/bin/next')
  const args = [program, 'start', '--port', new URL(origin).port]
  const next = spawn(process.execPath, args, { cwd, env })
  const exited = new Promise((resolve) => next.once('exit', resolve))
  let output = ''
  for (const stream of [next.stdout, next.stderr]) stream.on('data', (chunk) => (output += chunk))
  const stop = async () => {
    next.kill('SIGKILL')
    await exited
  }
  t.after(stop)
  await eventually(async () => {
    assert.equal(next.exitCode, null, output)
    assert.equal((await fetch(origin).catch(() => undefined))?.status, 200, output)
  })
  return { stop }
}

/** Loads the page again, and waits until it runs: its first request is answered. */
async function reload(page: Page, path: string) {
  const answered = page.waitForResponse((response) => response.url().endsWith(path))
  await page.reload()
  await answered
}

test('useChat in Next.js continues an answer after a reload', async (t) => {
  const { page, complaints } = await startExample(t, 'nextjs', endless)
  await reload(page, '/stream')
  await page.getByLabel('Message').fill('Count.')
  await page.getByLabel('Message').press('Enter')
  await untilGrowing(page)
  await page.reload()
  await untilGrowing(page)
  assert.equal(await page.locator('[data-role=assistant]').count(), 1)
  assert.deepEqual(complaints, [])
})

test('CopilotKit continues an answer after a reload and a restart of its runtime', async (t) => {
  const { page, product, restart } = await startExample(t, 'copilotkit', endless)
  await reload(page, '/info')
  await page.getByRole('textbox').fill('Count.')
  await page.getByRole('textbox').press('Enter')
  await untilGrowing(page)
  await page.reload()
  await untilGrowing(page)
  await restart()
  await page.reload()
  await untilGrowing(page)
  assert.equal(await page.getByText('Count.', { exact: true }).count(), 1)
  const { data } = await product.outlast.sessions.list({ user: 'ada' })
  assert.deepEqual(
    data.map(({ key }) => key),
    ['my-chat'],
  )
  await page.getByTestId('copilot-send-button').click()
  await eventually(async () => {
    const { body } = await product.call('GET', `/v1/sessions/${data[0]!.id}/events`)
    assert.equal(body.data.at(-1).type, 'session.idled')
  })
})
