import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import axe, { type AxeResults } from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { emptyProject } from '../../apps/server/src/authoring/project.ts'
import {
  adminEmail,
  adminPassword,
  registerPerson,
  signInAdmin,
  startGuarded,
} from '../../apps/server/test/access.ts'
import { fileAgentsOf, supportFile } from '../../apps/server/test/file-agents.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { openProfile, openTab, signIn, startBrowser } from '../browser/browser.ts'
import { type Look, looks, type World } from './looks.ts'
import { nextFrames } from './opening.ts'
import { movesIn, overflowsIn } from './overflow.ts'
import { smallTargetsIn, smallTextsIn, tallRowsIn } from './sizes.ts'
import { fill } from './world.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startGuarded>>
let world: World
/** The browser profile of the administrator. */
let profile: BrowserContext

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startGuarded(t as never, {
    env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1@*' },
    project: { ...emptyProject, agents: [supportFile] },
  })
  const { call } = await signInAdmin(server)
  const fileAgentId = (await fileAgentsOf(call)).get('Support')!.id
  world = { ...(await fill({ url: server.url, call })), fileAgentId }
  profile = await openExaminedProfile(t as never)
  const { page } = await openTab(profile, server.url)
  await signIn(page, { email: adminEmail, password: adminPassword })
  await page.close()
})

const wide = { width: 1280, height: 800 }
const phone = { width: 375, height: 740 }
/** Between a phone and a desktop. Lists show other columns there. */
const widthsBetween = [640, 850, 950, 1180]
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

/** Opens a profile with reduced motion and axe-core. The page's policy would block it later. */
async function openExaminedProfile(t: TestContext) {
  const options = { reducedMotion: 'reduce', viewport: wide } as const
  const opened = await openProfile(t, browser, options)
  await opened.addInitScript({ content: axe.source })
  return opened
}

const openExamined = async (t: TestContext) => openTab(await openExaminedProfile(t), server.url)

/** Resolves after the page has reacted to another screen. A page expression. */
/** Returns problems of a part of a page in light and dark mode and at other widths. */
async function findings(page: Page, part = 'body'): Promise<string[]> {
  const moves = await page.evaluate<string[]>(movesIn)
  const small = await page.evaluate<string[]>(smallTextsIn)
  const tall = await page.evaluate<string[]>(tallRowsIn)
  const inLight = await examined(page, part, rules)
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.evaluate(nextFrames)
  const inDark = await examined(page, part, ['color-contrast'])
  await page.setViewportSize(phone)
  await page.evaluate(nextFrames)
  const onPhone = await page.evaluate<string[]>(overflowsIn)
  const onTouch = await touched(page)
  const between: string[] = []
  for (const width of widthsBetween) {
    await page.setViewportSize({ width, height: 740 })
    await page.evaluate(nextFrames)
    const found = await page.evaluate<string[]>(overflowsIn)
    between.push(...found.map((one) => `at a width of ${width}: ${one}`))
  }
  await page.setViewportSize(wide)
  await page.emulateMedia({ colorScheme: 'light' })
  await page.evaluate(nextFrames)
  return [
    ...moves,
    ...small,
    ...tall.map((one) => `a tall row: ${one}`),
    ...inLight,
    ...inDark.map((one) => `in dark: ${one}`),
    ...onPhone.map((one) => `on a phone: ${one}`),
    ...between,
    ...onTouch.map((one) => `small on a touch screen: ${one}`),
  ]
}

/** Returns small hit areas on a touch screen. */
async function touched(page: Page): Promise<string[]> {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Emulation.setTouchEmulationEnabled', { enabled: true })
  await page.waitForFunction("matchMedia('(pointer: coarse)').matches")
  const small = await page.evaluate<string[]>(smallTargetsIn)
  const cutOff = await page.evaluate<string[]>(overflowsIn)
  await devtools.send('Emulation.setTouchEmulationEnabled', { enabled: false })
  await devtools.detach()
  return [...small, ...cutOff]
}

async function examined(page: Page, part: string, runOnly: string[]): Promise<string[]> {
  const options = JSON.stringify({ runOnly, resultTypes: ['violations'], preload: false })
  const { violations } = await page.evaluate<AxeResults>(`axe.run('${part}', ${options})`)
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
    )
}

async function look(page: Page, { at, act, shows, part }: Look): Promise<string[]> {
  if (at) await page.goto(server.url + at)
  await act?.(page)
  await page.getByText(shows).filter({ visible: true }).first().waitFor()
  return (await findings(page, part)).map((one) => `${at ?? 'then'} (${shows}) ${one}`)
}

for (const [name, looksOf] of Object.entries(looks)) {
  test(`${name}: readable in light and dark, accessible, and usable on a phone`, async (t) => {
    const { page, complaints } = await openTab(profile, server.url)
    t.after(() => page.close())
    const found: string[] = []
    for (const one of looksOf(world)) found.push(...(await look(page, one)))
    assert.deepEqual(found, [])
    assert.deepEqual(complaints, [])
  })
}

test('sign-in and first run are readable, accessible and usable on a phone', async (t) => {
  const person = await registerPerson(server)
  const { page, complaints } = await openExamined(t)
  const found = await look(page, { shows: 'Password' })
  const register: Look['act'] = () => page.getByRole('button', { name: /^Create an/ }).click()
  found.push(...(await look(page, { act: register, shows: 'At least 8 characters.' })))
  await page.getByRole('button', { name: 'Sign in instead' }).click()
  await signIn(page, person)
  found.push(...(await look(page, { shows: 'Start your first session' })))
  const invited: Look = { at: '/?invitation=some', shows: /^You join/, part: '[role=dialog]' }
  found.push(...(await look(page, invited)))
  assert.deepEqual(found, [])
  assert.deepEqual(complaints, [])
})

test('shows the menu on a phone only after it is opened', async (t) => {
  const { page, complaints } = await openExamined(t)
  await signIn(page, await registerPerson(server))
  await page.setViewportSize(phone)
  const agents = page.getByRole('link', { name: 'Agents', exact: true })
  await agents.waitFor({ state: 'hidden' })
  const menu = page.getByRole('button', { name: 'Menu' })
  await menu.click()
  await agents.waitFor()
  const found = [
    ...(await examined(page, 'body', rules)),
    ...(await page.evaluate<string[]>(overflowsIn)),
  ]
  await page.keyboard.press('Escape')
  await agents.waitFor({ state: 'hidden' })
  await menu.press('Enter')
  await agents.click()
  await page.getByRole('heading', { name: 'Agents' }).waitFor()
  await agents.waitFor({ state: 'hidden' })
  assert.deepEqual(found, [])
  assert.deepEqual(complaints, [])
})
