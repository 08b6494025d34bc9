import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import {
  callerWith,
  expectStatus,
  type Person,
  registerPerson,
  startGuarded,
  untilStatus,
} from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { eventually, openProfile, openTab, startBrowser, valueIn } from '../browser/browser.ts'

type Server = Awaited<ReturnType<typeof startGuarded>>

let browser: Browser
let server: Server

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startGuarded(t as never)
})

const passwordOf = (page: Page) => page.getByRole('textbox', { name: 'Password', exact: true })

async function signIn(page: Page, { email, password }: Pick<Person, 'email' | 'password'>) {
  await page.getByLabel('Email').fill(email)
  await passwordOf(page).fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

test('creates an API key that is shown once, and records it in the audit log', async (t) => {
  const person = await registerPerson(server)
  const profile = await openProfile(t, browser)
  // As in a page without HTTPS.
  await profile.addInitScript('delete Navigator.prototype.clipboard')
  const { page, complaints } = await openTab(profile, `${server.url}/settings?tab=keys`)
  await signIn(page, { ...person, password: 'not the password' })
  await page.getByRole('alert').getByText('Invalid email or password').waitFor()
  await signIn(page, person)
  await page.getByText('No API keys yet').waitFor()
  await page.getByRole('button', { name: 'New key' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('Deploys')
  await dialog.getByRole('combobox', { name: 'Permissions' }).click()
  await page.getByRole('option', { name: 'Read', exact: true }).click()
  await dialog.getByRole('button', { name: 'Create key' }).click()
  const key = await dialog.locator('.secret').textContent()
  assert.ok(key)
  const call = callerWith(server.url, `Bearer ${key}`)
  expectStatus(await call('GET', '/v1/agents'), 200)
  expectStatus(await call('POST', '/v1/sessions', {}), 403)
  await dialog.getByRole('button', { name: 'Copy' }).click()
  const blocked = dialog.getByRole('button', { name: 'The browser blocked copying' })
  await blocked.waitFor()
  assert.equal(await valueIn(page, 'String(getSelection())'), key)
  await blocked.press('Escape')
  const row = page.getByRole('listitem', { name: 'Deploys' })
  await row.getByText(key.slice(0, 8)).waitFor()
  assert.equal((await page.content()).includes(key), false)

  await row.getByRole('button', { name: 'Delete Deploys' }).click()
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await row.waitFor({ state: 'detached' })
  await eventually(async () =>
    assert.equal(await valueIn(page, 'document.activeElement.tagName'), 'H1'),
  )
  await page.getByRole('link', { name: 'Audit log' }).click()
  await page.getByRole('listitem', { name: /^delete_api_key/ }).waitFor()
  await page.getByLabel('Action').fill('register')
  await page.getByRole('listitem', { name: /^delete_api_key/ }).waitFor({ state: 'detached' })
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Export' }).click()
  assert.equal((await download).suggestedFilename(), 'audit-log.ndjson')
  assert.deepEqual(complaints, [])
})

test('changes a password, shows a wrong one at its field, and hides nodes from non-operators', async (t) => {
  const person = await registerPerson(server)
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${server.url}/settings`)
  await signIn(page, person)
  const part = page.getByRole('region', { name: 'Password' })
  const current = part.getByRole('textbox', { name: 'Current password' })
  const next = 'another long password'
  await current.fill('not the password')
  await part.getByRole('textbox', { name: 'New password' }).fill(next)
  await part.getByRole('button', { name: 'Change password' }).click()
  await part.getByText('Current password is incorrect.').waitFor()
  await current.fill(person.password)
  await part.getByRole('button', { name: 'Change password' }).click()
  await part.getByText('Password changed.').waitFor()
  const login = { email: person.email, password: next }
  expectStatus(await server.call('POST', '/v1/auth/login', login), 200)

  await page.getByRole('link', { name: 'Operations' }).click()
  await page.getByText(/^Only operators can see throughput/).waitFor()
  await page.getByRole('link', { name: 'Nodes' }).click()
  await page.getByText('Only operators can see nodes').waitFor()
  assert.deepEqual(complaints, [])
})

test('registers an invited user by link and shows only the actions of a viewer', async (t) => {
  const owner = await registerPerson(server)
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${server.url}/settings?tab=members`)
  await signIn(page, owner)
  await page.getByRole('button', { name: 'Invite' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Email').fill('guest@example.com')
  await dialog.getByRole('combobox', { name: 'Role' }).click()
  await page.getByRole('option', { name: 'viewer' }).click()
  await dialog.getByRole('button', { name: 'Create invitation' }).click()
  const link = await dialog.locator('.secret').textContent()
  assert.ok(link)
  await page.keyboard.press('Escape')
  await page.getByRole('listitem', { name: 'guest@example.com' }).waitFor()

  const guest = await openTab(await openProfile(t, browser), link)
  await guest.page.getByText(/^You have an invitation/).waitFor()
  await guest.page.getByLabel('Name').fill('Guest')
  await guest.page.getByLabel('Email').fill('guest@example.com')
  await passwordOf(guest.page).fill('a long password indeed')
  await guest.page.getByRole('button', { name: 'Create account' }).click()
  await guest.page.getByRole('button', { name: 'Guest' }).waitFor()
  await guest.page.goto(`${server.url}/mcp-servers`)
  await guest.page.getByText('microsoft_learn').first().waitFor()
  await guest.page.getByRole('button', { name: 'Guest' }).waitFor()
  assert.equal(await guest.page.getByRole('button', { name: 'Test' }).count(), 0)
  await guest.page.goto(`${server.url}/settings?tab=members`)
  await guest.page.getByRole('listitem', { name: owner.name }).waitFor()
  assert.equal(await guest.page.getByRole('button', { name: /^Remove/ }).count(), 0)
  assert.equal(await guest.page.getByRole('link', { name: 'Audit log' }).count(), 0)

  // The owner sees the new member at once, and removes the member.
  const row = page.getByRole('listitem', { name: 'Guest', exact: true })
  await row.getByRole('combobox', { name: 'Role of Guest' }).click()
  await page.getByRole('option', { name: 'member' }).click()
  await row.getByRole('button', { name: 'Remove Guest' }).click()
  await dialog.getByRole('button', { name: 'Remove' }).click()
  await row.waitFor({ state: 'detached' })
  assert.deepEqual([...complaints, ...guest.complaints], [])
})

test('an existing user joins by link, chooses an organization and switches', async (t) => {
  const owner = await registerPerson(server)
  const person = await registerPerson(server)
  const { orgId, call } = owner
  const renamed = await call('PATCH', `/v1/orgs/${orgId}`, { name: 'The mill' })
  expectStatus(renamed, 200)
  const invitation = { email: person.email, role: 'member' }
  const { token } = expectStatus(
    await call('POST', `/v1/orgs/${orgId}/invitations`, invitation),
    201,
  )
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${server.url}/?invitation=${token}`)
  await page.getByRole('button', { name: 'Sign in instead' }).click()
  await signIn(page, person)
  const dialog = page.getByRole('dialog')
  const switched = page.waitForEvent('load')
  await dialog.getByRole('button', { name: 'Join' }).click()
  await switched
  await page.goto(`${server.url}/settings?tab=organizations`)
  const mill = page.getByRole('listitem', { name: 'The mill' })
  await mill.getByText('Current').waitFor()

  // Another browser has not chosen an organization yet.
  const other = await openTab(await openProfile(t, browser), `${server.url}/settings`)
  await signIn(other.page, person)
  await other.page
    .getByRole('dialog')
    .getByRole('button', { name: /^The mill/ })
    .click()
  await other.page.waitForURL(`${server.url}/`)
  await other.page.getByRole('button', { name: person.name }).waitFor()
  const cookies = await other.page.context().cookies()
  assert.equal(cookies.find(({ name }) => name === 'outlast_org')?.value, orgId)
  assert.deepEqual([...complaints, ...other.complaints], [])
})

test('deletes an organization after its name is entered, and switches to another one', async (t) => {
  const person = await registerPerson(server)
  const made = await person.call('POST', '/v1/orgs', { name: 'Short lived' })
  const { id } = expectStatus(made, 201)
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${server.url}/settings?tab=organizations`)
  await signIn(page, person)
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /^Short lived/ })
    .click()
  await page.waitForURL(`${server.url}/`)
  await page.goto(`${server.url}/settings?tab=organizations`)
  const entry = page.getByRole('listitem', { name: 'Short lived' })
  await entry.getByText('Current').waitFor()
  await entry.getByRole('button', { name: 'Delete Short lived' }).click()
  const dialog = page.getByRole('dialog')
  const confirm = dialog.getByRole('button', { name: 'Delete' })
  assert.equal(await dialog.getByRole('button', { name: 'Cancel' }).count(), 1)
  const typed = dialog.getByLabel('Enter the organization name to confirm')
  await typed.fill('Short')
  await typed.press('Enter')
  assert.equal(await confirm.isEnabled(), false)
  await typed.fill('Short lived')
  const loaded = page.waitForEvent('load')
  await confirm.click()
  await loaded
  const inOld = { 'x-org-id': id }
  await untilStatus(() => person.call('GET', '/v1/agents', undefined, inOld), 404)
  await page.goto(`${server.url}/settings?tab=organizations`)
  await page.getByText('Current').waitFor()
  assert.equal(await page.getByRole('listitem', { name: 'Short lived' }).count(), 0)
  assert.deepEqual(complaints, [])
})

test('asks for a new sign-in in the middle of a form and keeps the form', async (t) => {
  const person = await registerPerson(server)
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${server.url}/mcp-servers?new=true`)
  await signIn(page, person)
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('tracker')
  await dialog.getByLabel('URL').fill('https://mcp.example.com/mcp')
  const { value } = (await profile.cookies()).find(({ name }) => name === 'access_token')!
  expectStatus(await callerWith(server.url, `Bearer ${value}`)('POST', '/v1/auth/logout'), 200)
  // The page may ask for the sign-in before the click, which then waits for the form to come back.
  const clicked = dialog.getByRole('button', { name: 'Add server', exact: true }).click()
  await passwordOf(page).waitFor()
  await dialog.waitFor({ state: 'hidden' })
  await signIn(page, person)
  await clicked
  await page.getByRole('listitem', { name: 'tracker' }).waitFor()

  const { page: other } = await openTab(profile, `${server.url}/settings`)
  await other.getByText(person.email).waitFor()
  // Before they are loaded again, tabs may ask for a sign-in and only hide their content.
  const loaded = Promise.all([other.waitForEvent('load'), page.waitForEvent('load')])
  await other.getByRole('button', { name: 'Sign out in all tabs' }).click()
  await loaded
  await passwordOf(other).waitFor()
  await passwordOf(page).waitFor()
  assert.equal(await page.getByText('tracker').count(), 0)
  assert.deepEqual(complaints, [])
})

test('shows that authentication is off, and the server version', async (t) => {
  const open = await startServer(t)
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${open.url}/settings?tab=keys`)
  await page.getByText('Authentication is off').waitFor()
  assert.equal(await page.getByRole('link', { name: 'API keys' }).count(), 0)
  await page.getByRole('link', { name: 'About' }).click()
  await page.getByText(/^Off \(none\)/).waitFor()
  assert.deepEqual(complaints, [])
})
