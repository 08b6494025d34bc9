import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { beforeAll } from '../../../apps/server/test/hooks.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  eventsOf,
  post,
  scripted,
} from '../../../apps/server/test/session.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'
import { startBrowser, valueIn } from '../../browser/browser.ts'
import { openCard, openPanel, openSession, say, toolOf, unfold } from '../opening.ts'

let browser: Browser
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  server = await startServer(t as never)
})

test('streams a reply and restores the conversation and the draft after a reload', async (t) => {
  const { id } = await createSession(server)
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  await page.getByText('No messages yet').waitFor()
  const text =
    'Here is **all** of it.\n\n```js\nconst answer = 42\n```\n\nAnd then some more words.'
  const thinking = 'What would be a good answer?'
  await say(page, scripted({ thinking, text, tokens_per_second: 30 }))
  await log.locator('strong', { hasText: 'all' }).waitFor()
  await log.getByText('And then some more words.', { exact: true }).waitFor()
  await log.locator('.hljs-keyword', { hasText: 'const' }).waitFor()
  await unfold(log.getByRole('button', { name: 'Thinking' }))
  await log.getByText(thinking, { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Send', exact: true }).waitFor()

  await page.getByLabel('Message', { exact: true }).fill('Not sent yet')
  await page.reload()
  await log.getByText('And then some more words.', { exact: true }).waitFor()
  assert.equal(await page.getByLabel('Message', { exact: true }).inputValue(), 'Not sent yet')
  assert.deepEqual(complaints, [])
})

test('a failed turn has its code and a way to its steps, and is retried in place', async (t) => {
  const { id } = await createSession(server, { title: 'Broken' })
  await post(server, id, scripted({ error: { message: 'No.', status: 400 } }))
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  const notices = log.getByRole('note').filter({ hasText: 'Turn failed' })
  await notices.getByText('llm_', { exact: false }).waitFor()
  const titled = (title: string) =>
    eventually(async () => (await page.title()) === `${title} · Outlast`)
  await titled('Broken – failed')
  await page.getByRole('status').getByText('Failed', { exact: true }).waitFor()
  await notices.getByRole('button', { name: 'Retry' }).click()
  await notices.nth(1).waitFor()
  await notices.nth(1).getByRole('button', { name: 'Retry' }).waitFor()
  await notices.nth(0).getByRole('button', { name: 'Retry' }).waitFor({ state: 'detached' })
  await notices.nth(0).getByRole('link', { name: 'View in timeline' }).click()
  await page.getByRole('region', { name: 'Timeline' }).getByText('Turn 1').first().waitFor()
  const failed = (await eventsOf(server, id)).find(({ type }) => type === 'turn.failed')
  assert.equal(new URL(page.url()).searchParams.get('turn'), failed?.context.turn_id)
  await say(page, 'Hello again')
  await log.getByText('You said “Hello again”').waitFor()
  await titled('Broken – idle')
  assert.deepEqual(complaints, [])
})

test('shows a message that was not sent and delivers it once after a retry', async (t) => {
  const { id } = await createSession(server)
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  const keys: string[] = []
  await page.route('**/messages', async (route) => {
    keys.push(route.request().headers()['idempotency-key']!)
    const lost = { code: 'lost', error: 'It was lost.' }
    if (keys.length === 1) return route.fulfill({ status: 422, json: lost })
    // The server stores the message, and its response is lost.
    if (keys.length > 2) return route.continue()
    await route.fetch()
    return route.fulfill({ status: 503, json: lost })
  })
  await say(page, 'Are you there?')
  await log.getByRole('alert').getByText('Not sent. It was lost.').waitFor()
  await page.getByRole('button', { name: 'Send again' }).click()
  await log.getByText('You said “Are you there?”').waitFor()
  await page.getByText('Idle', { exact: true }).waitFor()
  const messages = (await eventsOf(server, id)).filter(({ type }) => type === 'input.message')
  assert.equal(messages.length, 1)
  // After a refusal a retry needs a new key. After a lost response it reuses the key.
  assert.notEqual(keys[0], keys[1])
  assert.equal(new Set(keys.slice(1)).size, 1)
  assert.equal(await log.getByText('Are you there?', { exact: true }).count(), 1)
  assert.deepEqual(complaints, [])
})

test('approves a call with edited arguments, denies one with a reason, and sends a client result', async (t) => {
  const { id: agent_id } = await createAgent(server, {
    capabilities: [{ ref: 'session_file_system', config: { requires_approval: ['write_file'] } }],
    tools: [{ type: 'client_side', name: 'look_outside', description: 'Looks.' }],
  })
  const { id } = await createSession(server, { agent_id })
  const write = (path: string) => ({ name: 'write_file', arguments: { path, content: 'Hello' } })
  const calls = [write('/first.txt'), write('/second.txt')]
  const look = { name: 'look_outside', arguments: { window: 'north' } }
  const script = scripted({ tool_calls: calls }, { tool_calls: [look] }, { text: 'All done.' })
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  await post(server, id, script)
  await page.getByText('Waiting for you', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Stop and send' }).waitFor()

  const second = toolOf(page, '/second.txt')
  await second.getByLabel('Reason').fill('Not this one')
  await second.getByRole('button', { name: 'Deny' }).click()
  await log.getByText('Not this one').first().waitFor()
  const first = toolOf(page, '/first.txt').first()
  await first.getByRole('button', { name: 'Edit arguments' }).click()
  await first.getByLabel('Arguments').fill('nonsense')
  await first.getByText('Enter a JSON object.').waitFor()
  const changed = { path: '/other.txt', content: 'Good evening' }
  await first.getByLabel('Arguments').fill(JSON.stringify(changed))
  await page.getByRole('button', { name: 'Approve with edits' }).click()

  const question = toolOf(page, 'look_outside')
  await question.getByLabel('Result').fill('{"weather":"fine"}')
  await question.getByText('Sent as JSON').waitFor()
  await question.getByRole('button', { name: 'Send result' }).click()
  await log.getByText('All done.', { exact: true }).waitFor()
  await openCard(question)
  await question.getByText('"weather"').waitFor()
  const { body } = await server.call('GET', `/v1/sessions/${id}/fs/other.txt`)
  assert.equal(body.content, 'Good evening')
  assert.deepEqual(complaints, [])
})

test('edits a file and shows a concurrent change before it is overwritten', async (t) => {
  const { id } = await createSession(server)
  const address = `/v1/sessions/${id}/fs/notes/today.md`
  await server.call('POST', address, { content: 'Buy milk.' })
  const opened = { url: server.url, id, query: '?panel=files' }
  const { page, complaints } = await openSession(t, browser, opened)
  await page.getByRole('treeitem', { name: 'today.md' }).click()
  const editor = page.getByLabel('Content')
  await editor.fill('Buy bread.')
  await editor.press('Control+s')
  await page.getByText('Saved', { exact: true }).waitFor()
  assert.equal((await server.call('GET', address)).body.content, 'Buy bread.')

  await editor.fill('Buy both.')
  await server.call('PUT', address, { content: 'Buy nothing.' })
  await page.getByText('This file was changed in the meantime').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Save' }).isEnabled(), false)
  await page.getByRole('button', { name: 'Overwrite with mine' }).click()
  await page.getByText('Saved', { exact: true }).waitFor()
  assert.equal((await server.call('GET', address)).body.content, 'Buy both.')

  await page.getByRole('button', { name: 'New file' }).click()
  await page.getByLabel('Path').fill('/ideas.txt')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByRole('region', { name: '/ideas.txt' }).waitFor()
  await page.getByRole('button', { name: 'Rename' }).click()
  await page.getByLabel('Path').fill('/plans.txt')
  await page.getByRole('dialog').getByRole('button', { name: 'Rename' }).click()
  await page.getByRole('region', { name: '/plans.txt' }).waitFor()
  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('treeitem', { name: 'plans.txt' }).waitFor({ state: 'detached' })
  const { body } = await server.call('GET', `/v1/sessions/${id}/fs?recursive=true`)
  assert.deepEqual(
    body.data.map(({ path }: { path: string }) => path),
    ['/notes', '/notes/today.md'],
  )
  assert.deepEqual(complaints, [])
})

test('keeps the typed text of a file that is deleted meanwhile', async (t) => {
  const { id } = await createSession(server)
  const address = `/v1/sessions/${id}/fs/today.md`
  await server.call('POST', address, { content: 'Buy milk.' })
  const opened = { url: server.url, id, query: '?panel=files&file=/today.md' }
  const { page, complaints } = await openSession(t, browser, opened)
  const editor = page.getByLabel('Content')
  await editor.fill('Buy bread.')
  await server.call('DELETE', address)
  await page.getByText('It was deleted or renamed.').waitFor()
  assert.ok(await editor.isVisible())
  assert.equal(await editor.inputValue(), 'Buy bread.')
  assert.deepEqual(complaints, [])
})

test('sends images with a message and uploads other files to the session', async (t) => {
  const { id } = await createSession(server)
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  const dot =
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
  await page.locator('input[type=file]').setInputFiles([
    { name: 'dot.png', mimeType: 'image/png', buffer: Buffer.from(dot, 'base64') },
    { name: 'broken.png', mimeType: 'image/png', buffer: Buffer.from('no image') },
    { name: 'list.csv', mimeType: 'text/csv', buffer: Buffer.from('a,b\n1,2\n') },
  ])
  await page.getByLabel('Attachments').locator('.ready').nth(2).waitFor()
  await say(page, 'Look at these')
  await log.getByText('Attached file: /attachments/list.csv').first().waitFor()
  await log.getByText('Image could not be displayed').waitFor()
  await eventually(async () => (await log.getByRole('img', { name: 'Image' }).count()) === 1)

  const given = await page.evaluateHandle(`(() => {
    const transfer = new DataTransfer()
    transfer.items.add(new File(['c,d'], 'list.csv', { type: 'text/csv' }))
    return transfer
  })()`)
  const main = page.getByRole('region', { name: 'Conversation and composer' })
  await main.dispatchEvent('drop', { dataTransfer: given })
  await page.getByLabel('Attachments').locator('.ready', { hasText: 'list.csv' }).waitFor()
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  await log.getByText('Attached file: /attachments/list-2.csv').first().waitFor()
  const file = await server.call('GET', `/v1/sessions/${id}/fs/attachments/list.csv`)
  assert.equal(file.body.content, 'a,b\n1,2\n')
  assert.deepEqual(complaints, [])
})

test('forks after a reply, or before a message with its text as draft', async (t) => {
  const { id } = await createSession(server)
  const { page, complaints, log } = await openSession(t, browser, { url: server.url, id })
  await say(page, 'One')
  await log.getByText('You said “One”').waitFor()
  await page.getByRole('button', { name: 'Send', exact: true }).waitFor()
  await say(page, 'Two')
  await log.getByText('You said “Two”').waitFor()
  await page.getByRole('button', { name: 'Send', exact: true }).waitFor()

  const first = log.locator('.line', { hasText: 'You said “One”' })
  await first.getByRole('button', { name: 'Fork from here' }).click()
  await page.waitForURL((url) => !url.pathname.endsWith(id))
  await log.getByText('You said “Two”').waitFor({ state: 'detached' })
  await log.getByText('You said “One”').waitFor()
  assert.equal(await log.getByText('Two').count(), 0)
  assert.equal(await log.getByText('canceled').count(), 0)
  await openPanel(page, 'Details')
  await page.getByRole('link', { name: 'Source session' }).click()
  await log.getByText('You said “Two”').waitFor()
  await page.getByRole('button', { name: 'Fork before this message' }).nth(1).click()
  await page.waitForURL((url) => !url.pathname.endsWith(id))
  await log.getByText('You said “One”').waitFor()
  // The conversation before is shown until the next one is loaded, and it has the same reply.
  const draft = page.getByLabel('Message', { exact: true })
  await eventually(async () => (await draft.inputValue()) === 'Two')
  assert.deepEqual(complaints, [])
})

test('keeps an edited title when another client changes the tags', async (t) => {
  const { id } = await createSession(server)
  const opened = { url: server.url, id, query: '?panel=details' }
  const { page, complaints } = await openSession(t, browser, opened)
  await page.getByLabel('Title').fill('Mine')
  await server.call('PATCH', `/v1/sessions/${id}`, { tags: ['urgent'] })
  await page.getByRole('region', { name: 'Details' }).getByText('urgent').waitFor()
  assert.equal(await page.getByLabel('Title').inputValue(), 'Mine')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('heading', { name: 'Mine' }).waitFor()
  const { body } = await server.call('GET', `/v1/sessions/${id}`)
  assert.deepEqual([body.title, body.tags], ['Mine', ['urgent']])
  assert.deepEqual(complaints, [])
})

test('a new tag leaves a session without a title', async (t) => {
  const { id } = await createSession(server)
  await converse(t, server, id, 'Books of May')
  const opened = { url: server.url, id, query: '?panel=details' }
  const { page, complaints } = await openSession(t, browser, opened)
  const tags = page.getByRole('combobox', { name: 'Tags' })
  await tags.fill('urgent')
  await tags.press('Enter')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Session saved').waitFor()
  const { body } = await server.call('GET', `/v1/sessions/${id}`)
  assert.deepEqual([body.title, body.tags], [null, ['urgent']])
  await page.getByRole('heading', { name: 'Books of May' }).waitFor()
  assert.deepEqual(complaints, [])
})

test('a session under a legal hold cannot be deleted until the hold is released', async (t) => {
  const { id } = await createSession(server)
  const { page, complaints } = await openSession(t, browser, { url: server.url, id })
  await openPanel(page, 'Details')
  const remove = page.getByRole('button', { name: 'Delete session' })
  assert.equal(await remove.isEnabled(), true)
  await page.getByRole('switch', { name: 'Legal hold' }).click()
  await eventually(() => remove.isDisabled())
  const refused = await server.call('DELETE', `/v1/sessions/${id}`)
  assert.deepEqual([refused.status, refused.body.code], [409, 'legal_hold'])
  await page.getByRole('switch', { name: 'Legal hold' }).click()
  await eventually(() => remove.isEnabled())
  assert.equal((await server.call('DELETE', `/v1/sessions/${id}`)).status, 204)
  assert.deepEqual(complaints, [])
})

test('the buttons of the details do not move while the state loads', async (t) => {
  const { id } = await createSession(server)
  const { page, complaints } = await openSession(t, browser, { url: server.url, id })
  const held = Promise.withResolvers<void>()
  await page.route('**/why', async (route) => {
    await held.promise
    await route.continue()
  })
  await openPanel(page, 'Details')
  const remove = page.getByRole('button', { name: 'Delete session' })
  const top = async () => Math.round((await remove.boundingBox())!.y)
  await remove.waitFor()
  const before = await top()
  held.resolve()
  await page.locator('.why time').waitFor()
  assert.equal(await top(), before)
  assert.deepEqual(complaints, [])
})

test('shows the same session in two browsers, and its deletion in both', async (t) => {
  const { id } = await createSession(server)
  const opened = { url: server.url, id }
  const [first, second] = await Promise.all([
    openSession(t, browser, opened),
    openSession(t, browser, { ...opened, options: { viewport: { width: 375, height: 740 } } }),
  ])
  await say(first.page, 'From the first')
  await second.log.getByText('You said “From the first”').waitFor()
  await say(second.page, 'From the second')
  await first.log.getByText('You said “From the second”').waitFor()
  const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
  assert.equal(await valueIn(second.page, overflow), 0)

  await openPanel(first.page, 'Details')
  await first.page.getByRole('button', { name: 'Delete session' }).click()
  await first.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await second.page.getByText('It may have been deleted.').waitFor()
  await first.page.waitForURL(`${server.url}/`)
  assert.deepEqual([first.complaints, second.complaints], [[], []])
})
