import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Session } from '@outlast/contract'
import type { Browser, Page } from 'playwright-core'
import { queryRows, runSql } from '../../apps/server/test/database.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startServer } from '../../apps/server/test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  post,
  scripted,
} from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser, valueIn } from '../browser/browser.ts'
import { changeOnceListed } from './opening.ts'

let browser: Browser

beforeAll(async (t) => {
  browser = await startBrowser(t)
})

const rows = (page: Page) => page.getByRole('list', { name: 'Sessions' }).getByRole('listitem')
const row = (page: Page, text: string) => rows(page).filter({ hasText: text })
const titles = (page: Page) => page.locator('.session-name').allTextContents()

test('searches conversations and marks the words, once they are read', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server)
  const { id } = await createSession(server, { agent_id, title: 'Animals' })
  await createSession(server, { agent_id, title: 'Plants' })
  const { page, complaints } = await openTab(await openProfile(t, browser), server.url)
  await page.getByRole('textbox', { name: 'Search' }).fill('wombats are cub')
  await page.getByText('No sessions match').waitFor()
  await converse(t, server, id, scripted({ text: 'Droppings of Wombats are cubes.<b>!</b>' }))
  await changeOnceListed(server, id, 'q=wombats')
  await row(page, 'Animals').locator('mark', { hasText: 'Wombats' }).waitFor()
  await row(page, 'Animals').locator('mark', { hasText: 'cubes' }).waitFor()
  assert.deepEqual(await titles(page), ['Animals'])
  assert.deepEqual(complaints, [])
})

test('keeps filters, order and columns in the URL, and saves them as a view', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server)
  const named = (title: string, fields: object = {}) =>
    createSession(server, { agent_id, title, ...fields })
  const first = await named('First', { user: 'ann' })
  await named('Second', { user: 'ben' })
  await named('Third', { user: 'ann' })
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, server.url)
  await row(page, 'Third').waitFor()
  await page.getByRole('button', { name: 'Filters' }).click()
  await page.getByRole('textbox', { name: 'User' }).fill('ann')
  await page.getByText('2 sessions', { exact: true }).waitFor()
  await page.getByLabel('Created from').fill('2020-01-31')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Columns' }).click()
  await page.getByRole('menuitemcheckbox', { name: 'User' }).click()
  await row(page, 'Third').getByText('ann', { exact: true }).waitFor()
  await page.getByRole('menuitemcheckbox', { name: 'Last activity' }).click()
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Sort by last activity' }).click()
  await server.call('PATCH', `/v1/sessions/${first.id}`, { title: 'First again' })
  await changeOnceListed(server, first.id, 'user=ann&sort=last_activity')
  await eventually(async () => assert.deepEqual(await titles(page), ['First again', 'Third']))

  await page.getByRole('button', { name: 'Save view' }).click()
  await page.getByLabel('Name of the view').fill('Ann')
  await page.keyboard.press('Enter')
  const view = page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Ann' })
  await view.waitFor()
  await page.getByRole('link', { name: 'All sessions' }).click()
  await page.getByText('3 sessions', { exact: true }).waitFor()
  await page.reload()
  await view.click()
  await page.getByText('2 sessions', { exact: true }).waitFor()
  assert.match(page.url(), /user=ann/)
  assert.match(page.url(), /since=2020-01-31/)
  assert.match(page.url(), /sort=last_activity/)
  assert.match(page.url(), /columns=user%2Cactivity/)
  await page.getByRole('button', { name: 'Remove view Ann' }).click()
  await view.waitFor({ state: 'detached' })
  assert.deepEqual(complaints, [])
})

test('keeps all columns that are chosen before the list is rendered again', async (t) => {
  const server = await startServer(t)
  await createSession(server, { title: 'Something', user: 'ann' })
  const { page, complaints } = await openTab(await openProfile(t, browser), server.url)
  await row(page, 'Something').waitFor()
  await page.getByRole('button', { name: 'Columns' }).click()
  const column = (head: string) => page.getByRole('menuitemcheckbox', { name: head })
  await column('User').waitFor()
  const click = (...heads: string[]) =>
    valueIn(
      page,
      `for (const head of ${JSON.stringify(heads)})
        [...document.querySelectorAll('[role=menuitemcheckbox]')]
          .find(({ textContent }) => textContent === head).click()`,
    )
  await click('User', 'Last activity', 'Status')
  await page.waitForURL(/columns=user%2C-status%2Cactivity/)
  await row(page, 'Something').getByText('ann', { exact: true }).waitFor()
  await click('Status', 'User', 'User')
  await page.waitForURL(/columns=user%2Cactivity/)
  assert.deepEqual(complaints, [])
})

test('refuses a view above the limit, and says so in the form', async (t) => {
  const server = await startServer(t)
  await createSession(server, { title: 'Something' })
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, server.url)
  await row(page, 'Something').waitFor()
  const views = Array.from({ length: 30 }, (_, at) => ({
    name: `V${at}`,
    search: { tag: `${at}` },
  }))
  const text = JSON.stringify(JSON.stringify(views))
  await valueIn(page, `localStorage.setItem('outlast.session-views', ${text})`)
  await page.goto(`${server.url}/?search=some`)
  await page.getByRole('link', { name: 'V29', exact: true }).waitFor()
  const saving = page.getByRole('button', { name: 'Save view' })
  await saving.click()
  const name = page.getByLabel('Name of the view')
  await name.fill('One more')
  await name.press('Enter')
  await page.getByText('There are 30 views already. Remove one first.').waitFor()
  assert.equal(await name.inputValue(), 'One more')
  await page.keyboard.press('Escape')
  await name.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Remove view V3', exact: true }).click()
  await saving.click()
  await name.press('Enter')
  await page.getByRole('link', { name: 'One more' }).waitFor()
  assert.deepEqual(complaints, [])
})

test('filters by the rating of a reply, and clears the filter', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server)
  const named = (title: string) => createSession(server, { agent_id, title })
  const rate = async ({ id }: Session, rating: 'up' | 'down') => {
    await converse(t, server, id, scripted({ text: 'Hello.' }))
    const { body } = await server.call('GET', `/v1/sessions/${id}/messages`)
    const message_id = body.data.at(-1).id
    await server.call('POST', `/v1/sessions/${id}/feedback`, { message_id, rating })
  }
  const [first, second, third] = [await named('First'), await named('Second'), await named('Third')]
  await rate(first, 'down')
  await rate(second, 'up')
  const { page, complaints } = await openTab(await openProfile(t, browser), server.url)
  await row(page, 'Third').waitFor()
  await page.getByRole('button', { name: 'Filters' }).click()
  const choose = async (rating: string) => {
    await page.getByRole('combobox', { name: 'Rating' }).click()
    await page.getByRole('option', { name: rating }).click()
  }
  const shows = (expected: string[]) =>
    eventually(async () => assert.deepEqual(await titles(page), expected))
  await choose('Bad reply')
  await shows(['First'])
  await rate(third, 'down')
  await shows(['Third', 'First'])
  await choose('Rated')
  await shows(['Third', 'Second', 'First'])
  await choose('Good reply')
  await shows(['Second'])
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Filters (1)' }).waitFor()
  await page.reload()
  await shows(['Second'])
  await page.goto(`${server.url}/?feedback=up&search=nothing`)
  await page.getByText('No sessions match').waitFor()
  await page.getByRole('link', { name: 'Clear filters' }).click()
  await page.waitForURL(`${server.url}/`)
  await shows(['Third', 'Second', 'First'])
  assert.deepEqual(complaints, [])
})

test('has bulk actions in one row and clears filters by touch on a phone', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server)
  for (const title of ['One', 'Two']) await createSession(server, { agent_id, title })
  const phone = { viewport: { width: 375, height: 740 }, hasTouch: true, isMobile: true }
  const profile = await openProfile(t, browser, phone)
  const { page, complaints } = await openTab(profile, `${server.url}/?status=started`)
  await page.getByLabel('Select One').tap()
  const bar = page.getByRole('status').filter({ hasText: '1 selected' })
  const tops = new Set<number>()
  for (const name of [
    ...['Select all 2', 'Clear selection', 'Cancel turns', 'Retry failed turns'],
    ...['Add tag', 'Delete sessions'],
  ]) {
    const { y, width, height } = (await bar.getByRole('button', { name }).boundingBox())!
    assert.ok(width >= 44 && height >= 44, `${name} is ${width} × ${height}`)
    tops.add(y)
  }
  assert.equal(tops.size, 1)
  await bar.getByRole('button', { name: 'Add tag' }).tap()
  await page.getByRole('dialog', { name: 'Tag this session?' }).getByText('Cancel').tap()
  await bar.getByRole('button', { name: 'Clear selection' }).tap()
  await page.getByText('2 sessions', { exact: true }).waitFor()

  const status = page.getByRole('combobox', { name: 'Status' })
  const field = (await status.boundingBox())!
  // The button is hidden from screen readers, which clear with the keyboard.
  const { x, y, width, height } = (await page
    .locator('.mantine-InputClearButton-root')
    .boundingBox())!
  assert.ok(width >= 44 && height >= 44)
  assert.ok(Math.abs(x + width - field.x - field.width) <= 2, 'it is at the end of the field')
  await page.touchscreen.tap(x + 3, y + height - 3)
  await page.waitForURL(`${server.url}/`)
  await eventually(async () => assert.equal(await status.inputValue(), ''))
  assert.deepEqual(complaints, [])
})

test('lists are sorted, and their columns chosen, by touch on a phone', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server, { name: 'Aaron' })
  await createAgent(server, { name: 'Abel' })
  for (const title of ['One', 'Two']) await createSession(server, { agent_id, title })
  const phone = { viewport: { width: 390, height: 740 }, hasTouch: true, isMobile: true }
  const { page, complaints } = await openTab(await openProfile(t, browser, phone), server.url)
  await row(page, 'Two').waitFor()
  await page.getByRole('button', { name: 'Sort by created, descending' }).tap()
  await eventually(async () => assert.deepEqual(await titles(page), ['One', 'Two']))
  await page.getByRole('button', { name: 'Columns' }).tap()
  await page.getByRole('menuitemcheckbox', { name: 'Last activity' }).tap()
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Sort by last activity' }).tap()
  await page.waitForURL(/sort=last_activity/)

  await page.goto(`${server.url}/agents`)
  const agents = page.getByRole('list', { name: 'Agents' }).getByRole('listitem')
  const names = () => agents.locator('.list-link').allTextContents()
  await page.getByRole('link', { name: 'Sort by Agent' }).tap()
  await page.waitForURL(/sort=name/)
  await page.getByRole('link', { name: 'Sort by Agent, ascending' }).tap()
  await eventually(async () => assert.deepEqual((await names()).slice(-2), ['Abel', 'Aaron']))
  await page.getByRole('button', { name: 'Columns' }).tap()
  await page.getByRole('menuitemcheckbox').first().waitFor()
  assert.deepEqual(complaints, [])
})

test('tags, cancels and retries selected sessions, and keeps the errors in sight', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server)
  const made: Session[] = []
  for (const title of ['One', 'Two', 'Three']) {
    made.push(await createSession(server, { agent_id, title, tags: ['old'] }))
  }
  await converse(t, server, made[2]!.id, scripted({ error: { message: 'No.', status: 400 } }))
  const { page, complaints } = await openTab(await openProfile(t, browser), server.url)
  await page.getByLabel('Select Three').click()
  await page.getByRole('button', { name: 'Select all 3' }).click()
  await page.getByText('3 selected').waitFor()

  const refused = `**/v1/sessions/${made[1]!.id}`
  await page.route(refused, (route) =>
    route.request().method() === 'PATCH'
      ? route.fulfill({ status: 500, json: { error: 'Oh no.', code: 'internal_error' } })
      : route.continue(),
  )
  await page.getByRole('button', { name: 'Add tag' }).click()
  const tagging = page.getByRole('dialog', { name: 'Tag 3 sessions?' })
  await tagging.getByRole('textbox', { name: 'Tag' }).fill('checked')
  await tagging.getByRole('button', { name: 'Tag sessions' }).click()
  await tagging.getByText('2 of 3 sessions tagged. 1 remains selected. Oh no.').waitFor()
  await page.unroute(refused)
  await tagging.getByRole('button', { name: 'Tag remaining' }).click()
  await tagging.waitFor({ state: 'detached' })
  for (const { id } of made) {
    const { body } = await server.call('GET', `/v1/sessions/${id}`)
    assert.deepEqual(body.tags, ['old', 'checked'])
  }

  await page.getByLabel('Select Three').click()
  await page.getByLabel('Select One').click()
  await page.getByRole('button', { name: 'Retry failed turns' }).click()
  const retrying = page.getByRole('dialog', { name: 'Retry 2 sessions?' })
  await retrying.getByRole('button', { name: 'Retry failed turns' }).click()
  await retrying.waitFor({ state: 'detached' })
  await eventually(async () => {
    const { body } = await server.call('GET', `/v1/sessions/${made[2]!.id}/events`)
    const failures = body.data.filter(({ type }: { type: string }) => type === 'turn.failed')
    assert.equal(failures.length, 2)
  })
  assert.deepEqual(complaints, [])
})

test('cancels the running turns of selected sessions', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server)
  const made: Session[] = []
  for (const title of ['Running', 'Idle']) {
    made.push(await createSession(server, { agent_id, title }))
  }
  const [running, idle] = made as [Session, Session]
  await post(server, running.id, scripted({ text: 'word '.repeat(100), tokens_per_second: 0.1 }))
  const { page, complaints } = await openTab(await openProfile(t, browser), server.url)
  await row(page, 'Running').getByText('Active', { exact: true }).waitFor()
  await page.getByLabel('Select Running').click()
  await page.getByLabel('Select Idle').click()
  await page.getByRole('button', { name: 'Cancel turns' }).click()
  const asking = page.getByRole('dialog', { name: 'Cancel the turns of 2 sessions?' })
  await asking.getByRole('button', { name: 'Cancel turns' }).click()
  await asking.waitFor({ state: 'detached' })
  await row(page, 'Running').getByText('Idle', { exact: true }).waitFor()
  const outcomeOf = async ({ id }: Session) =>
    (await server.call('GET', `/v1/sessions/${id}`)).body.last_turn?.status
  assert.equal(await outcomeOf(running), 'cancelled')
  assert.equal(await outcomeOf(idle), undefined)
  assert.deepEqual(complaints, [])
})

test('filters by failure, model and cost', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server)
  const models = (await server.call('GET', '/v1/llm-models')).body.data as {
    id: string
    display_name: string
  }[]
  const other = models[0]!
  const named = (title: string, fields: object = {}) =>
    createSession(server, { agent_id, title, ...fields })
  const failing = await named('Failing')
  await named('Other model', { model_id: other.id })
  const costly = await named('Costly')
  await converse(t, server, failing.id, scripted({ error: { message: 'No.', status: 400 } }))
  await converse(t, server, costly.id, scripted({ text: 'Hello.' }))
  // The search reads the cost of a turn, which was none.
  await eventually(async () => {
    const due = await queryRows(server.databaseUrl, 'select 1 from search_due')
    assert.equal(due.length, 0)
  })
  await runSql(
    server.databaseUrl,
    `update search_sessions set cost_nanos = 2500000000 where session_id = '${costly.id}'`,
  )
  const { page, complaints } = await openTab(await openProfile(t, browser), server.url)
  const shows = (expected: string[]) =>
    eventually(async () => assert.deepEqual(await titles(page), expected))
  await shows(['Costly', 'Other model', 'Failing'])
  await page.getByRole('combobox', { name: 'Status' }).click()
  await page.getByRole('option', { name: 'Failed' }).click()
  await shows(['Failing'])
  await page.goto(server.url)
  await page.getByRole('button', { name: 'Filters' }).click()
  await page.getByRole('combobox', { name: 'Model' }).click()
  await page.getByRole('option', { name: other.display_name }).first().click()
  await shows(['Other model'])
  await page.getByRole('button', { name: 'Clear these filters' }).click()
  await shows(['Costly', 'Other model', 'Failing'])
  await page.getByLabel('Cost more than').pressSequentially('2.05')
  await shows(['Costly'])
  await page.getByLabel('Cost more than').fill('3')
  await page.getByText('No sessions match').waitFor()
  assert.deepEqual(complaints, [])
})

test('shows forks below their source, and the family of a session with links', async (t) => {
  const server = await startServer(t)
  const { id: agent_id } = await createAgent(server)
  const source = await createSession(server, { agent_id, title: 'The source' })
  const fork = async (id: string, title: string) =>
    (await server.call('POST', `/v1/sessions/${id}/fork`, { title })).body
  const child = await fork(source.id, 'A fork')
  await createSession(server, { agent_id, title: 'Unrelated' })
  await fork(child.id, 'A fork of it')
  const { page, complaints } = await openTab(await openProfile(t, browser), server.url)
  await row(page, 'A fork of it').waitFor()
  assert.deepEqual(await titles(page), ['Unrelated', 'The source', 'A fork', 'A fork of it'])
  await row(page, 'A fork of it').getByTitle('Fork of the session above').waitFor()

  await page.goto(`${server.url}/sessions/${child.id}?panel=details`)
  const family = page.getByRole('region', { name: 'Forks' })
  await family.getByRole('link', { name: 'A fork of it' }).waitFor()
  assert.deepEqual(await family.getByRole('link').allTextContents(), ['The source', 'A fork of it'])
  await family.getByRole('link', { name: 'The source' }).click()
  await family.getByRole('link', { name: 'A fork', exact: true }).waitFor()
  assert.ok(page.url().includes(source.id))
  assert.deepEqual(complaints, [])
})
