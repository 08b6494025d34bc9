/** The examples of front ends that need no further packages, in Chromium. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cp, mkdir } from 'node:fs/promises'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { createServer } from 'vite'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { scripted } from '../../apps/server/test/session.ts'
import { buildSdk } from '../../scripts/build-sdk.ts'
import { eventually, openProfile, openTab, startBrowser } from '../browser/browser.ts'
import { reservePort } from '../ports.ts'
import { temporaryFolder } from '../process.ts'
import { agentOf, endless, send, startProduct, untilGrowing } from './guarded.ts'

const examples = path.join(import.meta.dirname, '../../examples/front-ends')
let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

/** Reloads the page during an answer, which is then shown from its beginning and goes on. */
async function reloadDuringAnswer(page: Page) {
  await untilGrowing(page)
  await page.reload()
  await untilGrowing(page)
  assert.equal(await page.getByText('Count.', { exact: true }).count(), 1)
}

/** A message that the server refuses stays in the field, below the reason. */
async function showsRefusal(page: Page) {
  // Tokens cannot send scripts.
  const text = scripted({ text: 'Hello' })
  await send(page, text)
  await page.getByRole('alert').filter({ hasText: /./ }).waitFor()
  assert.equal(await page.getByLabel('Message').inputValue(), text)
}

test('a page without a bundler continues an answer after a reload', async (t) => {
  const port = await reservePort()
  const origin = `http://127.0.0.1:${port}`
  const product = await startProduct(t, origin)
  const agent = await agentOf(product, endless)
  const { folder } = await temporaryFolder(t)
  await mkdir(path.join(folder, 'node_modules/@outlast'), { recursive: true })
  await buildSdk(path.join(folder, 'node_modules/@outlast/sdk'))
  await cp(path.join(examples, 'script-tag'), folder, { recursive: true })
  const env = { ...process.env, ...product.env(agent), PORT: port }
  const site = spawn(process.execPath, ['server.ts'], { cwd: folder, env, stdio: 'inherit' })
  t.after(() => site.kill('SIGKILL'))
  await eventually(async () =>
    assert.equal((await fetch(origin).catch(() => undefined))?.status, 200),
  )
  const { page, complaints } = await openTab(await openProfile(t, browser), origin)
  await send(page, 'Count.')
  await reloadDuringAnswer(page)
  assert.deepEqual(complaints, [])
  await showsRefusal(page)
})

test('a page with Vite and React continues an answer, and asks for approvals', async (t) => {
  const port = await reservePort()
  const origin = `http://127.0.0.1:${port}`
  const product = await startProduct(t, origin)
  const agent = await agentOf(
    product,
    { tool_calls: [{ name: 'multiply', arguments: { a: 2, b: 3 } }] },
    endless,
  )
  await startVite(t, { port: Number(port), env: product.env(agent) })
  const { page, complaints } = await openTab(await openProfile(t, browser), origin)
  await send(page, 'Count.')
  await page.getByText('Approve multiply?').waitFor()
  await page.reload()
  await page.getByRole('button', { name: 'Approve' }).click()
  await reloadDuringAnswer(page)
  assert.deepEqual(complaints, [])
  await showsRefusal(page)
})

/** Starts Vite's server with the settings of the example in the environment. */
async function startVite(
  t: TestContext,
  { port, env }: { port: number; env: Record<string, string> },
) {
  const { folder: cacheDir } = await temporaryFolder(t)
  Object.assign(process.env, env)
  const vite = await createServer({
    root: path.join(examples, 'vite-react'),
    cacheDir,
    logLevel: 'error',
    server: { host: '127.0.0.1', port, strictPort: true, hmr: false },
  })
  t.after(() => vite.close())
  for (const name of Object.keys(env)) delete process.env[name]
  await vite.listen()
}
