/** The console shows changes of other clients, with and without accounts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import {
  callerWith,
  expectStatus,
  type Person,
  registerPerson,
  startGuarded,
} from '../../../apps/server/test/access.ts'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { createSession } from '../../../apps/server/test/session.ts'
import {
  eventually,
  openProfile,
  openTab,
  signIn,
  signOut,
  startBrowser,
  talk,
  valueIn,
} from '../../browser/browser.ts'
import { reservePort } from '../../ports.ts'
import { startProcess } from '../../process.ts'
import { changeOnceListed } from '../opening.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

const row = (page: Page, text: string) =>
  page.getByRole('list', { name: 'Sessions' }).getByRole('listitem').filter({ hasText: text })

/** Records the changes that tabs publish to each other, until the page reloads. */
const listenIn = (page: Page) =>
  page.evaluate(`
    window.told = []
    window.listening = new BroadcastChannel('outlast.changes')
    window.listening.onmessage = ({ data }) => told.push(data)
    undefined
  `)

const toldIn = (page: Page) => valueIn<string>(page, 'JSON.stringify(told)')

test('streams only changes of the signed-in user, from sign-in to sign-out', async (t) => {
  const token = 'a-token-of-16-chars'
  const server = await startGuarded(t, { env: { METRICS_TOKEN: token } })
  const [one, other] = [await registerPerson(server), await registerPerson(server)]
  const make = async ({ call }: Person, title: string) =>
    (await createSession({ url: server.url, call }, { title })).id
  const streams = async () => {
    const headers = { authorization: `Bearer ${token}` }
    const { body } = await server.call('GET', '/metrics', undefined, headers)
    return Number(/^outlast_sse_clients (\d+)$/m.exec(body)![1])
  }
  const expectStreams = (count: number) =>
    eventually(async () => assert.equal(await streams(), count))
  /** Creates a session of each user. Asserts that the page receives only its own. */
  async function expectToHear(page: Page, who: Person, { but, of }: { but: Person; of: string }) {
    // A list shows what it missed, but the page hears nothing of it.
    await expectStreams(1)
    const foreign = await make(but, 'A foreign one')
    await make(who, of)
    await row(page, of).waitFor()
    // A list that is read again may show the session before the page hears of it.
    await eventually(async () => assert.ok((await toldIn(page)).includes(who.orgId)))
    const told = await toldIn(page)
    assert.ok(!told.includes(foreign) && !told.includes(but.orgId))
  }

  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, server.url)
  await page.getByRole('textbox', { name: 'Password' }).waitFor()
  await listenIn(page)
  assert.equal(await streams(), 0)
  await signIn(page, one)
  await expectToHear(page, one, { but: other, of: 'The first' })

  // The sign-in ends elsewhere. The stream ends as well, and the page asks for a sign-in.
  const { value } = (await profile.cookies()).find(({ name }) => name === 'access_token')!
  const logout = callerWith(server.url, `Bearer ${value}`)('POST', '/v1/auth/logout')
  expectStatus(await logout, 200)
  await page.getByRole('textbox', { name: 'Password' }).waitFor()
  await expectStreams(0)
  await make(one, 'Made meanwhile')
  await signIn(page, one)
  await row(page, 'Made meanwhile').waitFor()
  await expectToHear(page, one, { but: other, of: 'The second' })

  await signOut(page)
  await page.getByRole('textbox', { name: 'Password' }).waitFor()
  await expectStreams(0)
  await listenIn(page)
  await signIn(page, other)
  await expectToHear(page, other, { but: one, of: 'The third' })
  assert.equal(await row(page, 'The second').count(), 0)
  assert.deepEqual(complaints, [])
})

test('shows sessions that another browser creates, renames and deletes, also filtered and after a restart', async (t) => {
  const env = { DATABASE_URL: await createTestDatabase(t), PORT: await reservePort() }
  const server = await startProcess(env)
  t.after(server.crash)
  const open = async (query = '') =>
    openTab(await openProfile(t, browser), `${server.url}/${query}`)
  const all = await open()
  const filtered = await open('?search=rome&status=idle')
  const acting = await open()
  const other = acting.page
  const expectInBoth = async (text: string, state: 'visible' | 'detached' = 'visible') => {
    for (const { page } of [all, filtered]) await row(page, text).waitFor({ state })
  }
  await filtered.page.getByText('No sessions match').waitFor()

  const sessionId = () => new URL(other.url()).pathname.split('/').at(-1)!
  const romans = 'q=rome&status=idle'
  await talk(other, 'The streets of Rome')
  await changeOnceListed(server, sessionId(), romans)
  await expectInBoth('The streets of Rome')
  await other.getByRole('link', { name: 'Details', exact: true }).click()
  await other.getByLabel('Title').fill('Rome, renamed')
  await other.getByRole('button', { name: 'Save' }).click()
  await expectInBoth('Rome, renamed')

  await server.crash()
  const again = await startProcess(env)
  t.after(again.crash)
  await other.getByRole('button', { name: 'Delete session' }).click()
  await other.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await expectInBoth('Rome, renamed', 'detached')
  await other.waitForURL((address) => address.pathname === '/')
  await talk(other, 'Once more to Rome')
  await changeOnceListed(again, sessionId(), romans)
  await expectInBoth('Once more to Rome')
  for (const { complaints } of [all, filtered, acting]) {
    assert.deepEqual(
      complaints.filter((text) => !text.includes('net::ERR_')),
      [],
    )
  }
})
