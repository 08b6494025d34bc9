/** `@outlast/react` in Chromium, in a page whose user changes. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { createTokenHandler, nodeHandler } from '@outlast/sdk/server'
import type { Browser, Page } from 'playwright-core'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { eventually, openProfile, openTab, startBrowser } from '../browser/browser.ts'
import { agentOf, type Product, send, startProduct } from './guarded.ts'
import { bundle, startSite } from './site.ts'

const root = path.join(import.meta.dirname, '../..')

let browser: Browser
let origin: string
let product: Product
let signedIn = 'ada'

beforeAll(async (t) => {
  browser = await startBrowser(t)
  const script = await bundle(path.join(root, 'packages/react/test/page.tsx'), root)
  const token = (...asked: Parameters<ReturnType<typeof nodeHandler>>) =>
    nodeHandler(createTokenHandler({ outlast: product.outlast, user: () => signedIn }))(...asked)
  origin = await startSite(t, script, { '/api/outlast-token': token })
  product = await startProduct(t, origin)
})

/** Waits until an idle view shows these messages of a user. */
const untilShown = (page: Page, texts: string[]) =>
  eventually(async () => {
    assert.equal(await page.locator('section[data-status=idle]').count(), 1)
    const shown = page.locator('[data-kind=user]')
    assert.deepEqual(
      await shown.evaluateAll((all) => all.map((one) => one.firstChild!.textContent)),
      texts,
    )
  })

test('the next user of a page has a token and a conversation of their own', async (t) => {
  const { page } = await openTab(await openProfile(t, browser), origin)
  await page.waitForFunction('globalThis.app !== undefined')
  const { id: agentId } = await agentOf(product, { text: 'Hello.' })
  const target = { url: product.url, agentId, key: 'main' }
  const showFor = (user: string) => {
    signedIn = user
    return page.evaluate(`app.showFor('${user}', ${JSON.stringify(target)})`)
  }
  await showFor('ada')
  await untilShown(page, [])
  await send(page, 'A secret of Ada')
  await untilShown(page, ['A secret of Ada'])
  await showFor('bob')
  await untilShown(page, [])
  await send(page, 'Bob is here')
  await untilShown(page, ['Bob is here'])
  const { data } = await product.outlast.sessions.list({ agent_id: agentId })
  assert.deepEqual(data.map(({ user }) => user).toSorted(), ['ada', 'bob'])
})

test('a new text as the token continues a page whose previous token has ended', async (t) => {
  const { page } = await openTab(await openProfile(t, browser), origin)
  await page.waitForFunction('globalThis.app !== undefined')
  const { id: agentId } = await agentOf(product, { text: 'Hello.' })
  const { tokens } = product.outlast
  const showWith = (token: string) => {
    const target = { url: product.url, agentId, key: 'main', token }
    return page.evaluate(`app.show(${JSON.stringify(target)})`)
  }
  const first = await tokens.create({ user: 'eve', access: 'write' })
  await showWith(first.token)
  await untilShown(page, [])
  await tokens.revoke(first.id)
  await page.locator('section[data-status=error]').waitFor()
  await showWith((await tokens.create({ user: 'eve', access: 'write' })).token)
  await untilShown(page, [])
})
