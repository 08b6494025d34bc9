import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { addProvider, sendJson, startAnyVendor } from '../../apps/server/test/remotes/any-vendor.ts'
import {
  addMcpServer,
  startMcp,
  startWithMcp,
  textTool,
} from '../../apps/server/test/remotes/mcp.ts'
import {
  converse,
  createAgent,
  createSession,
  post,
  scripted,
} from '../../apps/server/test/session.ts'
import { openProfile, openTab, signIn, startBrowser, valueIn } from '../browser/browser.ts'
import { openCard, openPanel, toolOf, unfold } from './opening.ts'

let browser: Browser

let world: Awaited<ReturnType<typeof startWorld>>

beforeAll(async (t) => {
  browser = await startBrowser(t)
  world = await startWorld(t as never)
})

/** HTML that would run a script. `place` names the text that contains it. */
const evil = (place: string) =>
  `${place}<script>ran=1</script><img src=x onerror=ran=1><svg onload=ran=1></svg>"'><iframe srcdoc="<script>parent.ran=1</script>">`
/** The same for short fields. */
const short = (place: string) => `${place}<img src=x onerror=ran=1>`

const markdown = [
  evil('in markdown'),
  '[one](javascript:ran=1) [two](JaVaScRiPt:ran=1) [three](data:text/html,<script>parent.ran=1</script>)',
  '[four]( vbscript:ran=1) <javascript:ran=1> [five][five] [six](https://example.com"onmouseover="ran=1)',
  '![svg](data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" onload="parent.ran=1"/>)',
  '![pixel](https://evil.invalid/pixel.png) ![script](javascript:ran=1)',
  '```html"><script>ran=1</script>\n<script>ran=1</script>\n```',
  '<style>*{display:none}</style>\n\n<div onclick="ran=1">a block</div>\n\n- [x] <b onclick=ran=1>task</b>',
  '| <img src=x onerror=ran=1> |\n|---|\n| [cell](javascript:ran=1) |',
  '[five]: javascript:ran=1',
].join('\n\n')

const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="parent.ran=1"/>')

/** Elements that only injected HTML can create. */
const planted = [
  '#root script',
  'body script',
  'iframe',
  'object',
  'embed',
  'base',
  'img[src="x"]',
  '[onerror]',
  '[onload]',
  '[onclick]',
  '[onmouseover]',
  '[srcdoc]',
  'a[href^="javascript" i]',
  'a[href^="data" i]',
  'a[href^="vbscript" i]',
  'img[src*="svg+xml" i]',
  '.markdown style',
].map((one) => `${one}:not(script[src])`)

async function assertHarmless(page: Page, where: string) {
  const found = `[...document.querySelectorAll(${JSON.stringify(planted.join())})].map((one) => one.outerHTML)`
  assert.deepEqual(await valueIn(page, found), [], where)
  assert.equal(await valueIn(page, 'window.ran'), undefined, where)
}

/** Opens each screen and waits for its text. */
async function walk(page: Page, url: string, screens: Record<string, string>) {
  for (const [address, text] of Object.entries(screens)) {
    await page.goto(url + address)
    await page.getByText(text).filter({ visible: true }).first().waitFor()
    await assertHarmless(page, address)
  }
}

/** Opens a tab and records all hosts that it contacts. */
async function openWatched(...[profile, url]: Parameters<typeof openTab>) {
  const opened = await openTab(profile, url)
  const asked = new Set<string>()
  opened.page.on('request', (request) => asked.add(new URL(request.url()).host))
  opened.page.on('dialog', (dialog) => opened.complaints.push(dialog.message()))
  return { ...opened, asked }
}

/** Starts a server with HTML in every text field. */
async function startWorld(t: TestContext) {
  const server = await startWithMcp(t)
  const content = [
    { type: 'text', text: evil('in a result') },
    { type: 'text', text: JSON.stringify({ '<b onclick=ran=1>': evil('in a value') }) },
  ]
  const described = { description: evil('in a tool'), title: evil('a title') }
  const mcp = await startMcp(t, {
    'tools/list': ({ answer }) => answer({ tools: [textTool('say', described)] }),
    'tools/call': ({ answer }) => answer({ content }),
  })
  const tracker = await addMcpServer(server, mcp.url, {
    name: 'tracker',
    description: evil('of a server'),
  })
  // Stores its list of tools, so that turns have them on a busy machine.
  const { body: tested } = await server.call('POST', `${tracker.path}/test`)
  assert.equal(tested.ok, true, JSON.stringify(tested))
  const gone = await addMcpServer(server, 'http://127.0.0.1:9/mcp', { name: short('gone') })
  const vendor = await startAnyVendor(t, (_, response) =>
    sendJson(response, { error: { message: evil('of a vendor') } }, 400),
  )
  const provider = await addProvider(server.call, `${vendor.url}/v1`, { name: short('provider') })
  const named = { model_id: short('id'), display_name: short('model') }
  expectStatus(await server.call('POST', `${provider.path}/models`, named), 201)
  const { id: agent_id } = await createAgent(server, {
    name: short('agent'),
    description: evil('of an agent'),
    system_prompt: evil('in a prompt'),
    tags: [short('tag')],
    capabilities: [
      { ref: 'session_file_system', config: { requires_approval: ['delete_file'] } },
      { ref: 'stateless_todo_list' },
      { ref: 'test_math' },
      { ref: tracker.ref },
      { ref: gone.ref },
    ],
    tools: [{ type: 'client_side', name: 'look_outside', description: evil('of a client tool') }],
  })
  const titled = {
    agent_id,
    title: short('session'),
    tags: [short('tag')],
    user: short('user'),
  }
  const { id } = await createSession(server, titled)
  const todos = [
    { content: evil('a task'), activeForm: evil('doing a task'), status: 'in_progress' },
  ]
  const calls = [
    { name: 'write_file', arguments: { path: `/${short('file')}.html`, content: evil('a file') } },
    { name: 'write_file', arguments: { path: '/plain.html', content: evil('a file') } },
    { name: 'write_file', arguments: { path: '/image.svg', content: svg.toString() } },
    { name: 'write_todos', arguments: { todos } },
    { name: short('tool'), arguments: { [short('key')]: evil('an argument') } },
    { name: 'divide', arguments: { a: evil('an argument'), b: 0 } },
    { name: 'mcp_tracker__say', arguments: { word: evil('an argument') } },
    { name: 'edit_text', arguments: { path: '/a', old_string: evil('old'), new_string: 'new' } },
  ]
  const answer = { text: markdown, thinking: evil('in thinking'), tool_calls: calls }
  const failing = { error: { message: evil('in an error'), status: 400 } }
  await converse(t, server, id, scripted(answer, { text: evil('in a reply') }))
  await converse(t, server, id, scripted(failing))
  const images = [
    { base64: svg.toString('base64'), media_type: 'image/svg+xml' },
    { base64: Buffer.from('no image').toString('base64'), media_type: 'image/png' },
    { url: 'javascript:ran=1' },
    { url: 'https://evil.invalid/pixel.png' },
  ].map((image) => ({ type: 'image', ...image }))
  const message = { content: [{ type: 'text', text: evil('in a message') }, ...images] }
  expectStatus(await server.call('POST', `/v1/sessions/${id}/messages`, { message }), 201)
  const { id: waiting } = await createSession(server, titled)
  const asks = [
    { id: 'call_1', name: 'delete_file', arguments: { path: evil('an argument') } },
    { id: 'call_2', name: 'look_outside', arguments: { at: evil('an argument') } },
  ]
  await post(server, waiting, scripted({ tool_calls: asks }))
  const target = {
    type: 'workflow',
    name: 'start_session',
    input: { agent_id, message: evil('in a schedule'), title: short('title') },
  }
  const about = { name: short('schedule'), description: evil('of a schedule') }
  const schedule = expectStatus(
    await server.call('POST', '/v1/durable/schedules', {
      ...about,
      cron_expression: '0 9 1 1 *',
      target,
    }),
    201,
  )
  return { server, id, waiting, agent_id, schedule }
}

test('shows HTML from users, models and tools as text in a session', async (t) => {
  const { server, id } = world
  // High enough to render the whole conversation.
  const profile = await openProfile(t, browser, { viewport: { width: 1280, height: 6_000 } })
  const { page, complaints, asked } = await openWatched(profile, `${server.url}/sessions/${id}`)
  const log = page.getByRole('log')
  await page.getByText('in a message<script>').first().waitFor()
  await unfold(log.getByRole('button', { name: 'Thinking' }))
  await log.locator('.thought', { hasText: 'in thinking<script>' }).waitFor()
  await log
    .getByText(/^pixel/)
    .or(log.getByText('Load image “pixel”'))
    .waitFor()
  await assertHarmless(page, 'a reply')
  for (const [name, text] of [
    ['write_todos', 'doing a task<script>'],
    [short('tool'), 'an argument<script>'],
    ['divide', 'an argument<script>'],
    ['mcp_tracker__say', 'in a result<script>'],
    ['edit_text', 'old<script>'],
  ] as const) {
    const card = toolOf(page, name)
    await openCard(card)
    await card.getByText(text).filter({ visible: true }).first().waitFor()
    await assertHarmless(page, name)
    await card.getByRole('button').first().click()
  }
  await log.getByText('Image could not be displayed').nth(1).waitFor()
  await log.getByText('[Image: javascript:ran=1]').waitFor()
  await log.getByRole('button', { name: 'Load image from evil.invalid' }).waitFor()
  await assertHarmless(page, 'a result')
  await examineSteps(page)
  for (const panel of ['Timeline', 'Events', 'Files', 'Usage', 'Details']) {
    await openPanel(page, panel)
    await page.getByRole('region', { name: panel, exact: true }).waitFor()
    await assertHarmless(page, panel)
  }
  await page.getByRole('button', { name: 'Model input preview' }).click()
  await page.getByText('in a prompt<script>').first().waitFor()
  await assertHarmless(page, 'the prompt')
  await openPanel(page, 'Files')
  await page.getByRole('treeitem', { name: 'image.svg' }).click()
  assert.equal(await page.getByLabel('Content').inputValue(), svg.toString())
  await assertHarmless(page, 'a file')
  assert.deepEqual([...asked], [new URL(server.url).host])
  assert.deepEqual(complaints, [])
})

/** Opens steps of the first turn, each with all its views. */
async function examineSteps(page: Page) {
  await openPanel(page, 'Timeline')
  await page.getByRole('button', { name: /^Turn 1/ }).click()
  await page.getByText(/^Turn 1: /).waitFor()
  for (const [name, text] of [
    ['llmsim', 'in a prompt<script>'],
    ['mcp_tracker__say', 'in a result<script>'],
    ['write_file', 'a file<script>'],
    ['divide', ''],
  ] as const) {
    await page.locator('.step').filter({ hasText: name }).first().click()
    const inspector = page.locator('.inspector', { hasText: name })
    await inspector.getByText(text).first().waitFor()
    for (const view of await inspector.getByRole('tab').all()) {
      await view.click()
      await inspector.getByRole('tabpanel').waitFor()
      await assertHarmless(page, `a step of ${name}`)
    }
    await inspector.getByRole('tab').first().click()
  }
}

test('an approval shows characters that change the order of others as escapes', async (t) => {
  const { server } = world
  const { id: agent_id } = await createAgent(server, {
    capabilities: [{ ref: 'session_file_system', config: { requires_approval: true } }],
  })
  const { id } = await createSession(server, { agent_id })
  const call = { name: 'write_file', arguments: { path: '/a', content: 'a\u202eb' } }
  await post(server, id, scripted({ tool_calls: [call] }, { text: 'All done.' }))
  const profile = await openProfile(t, browser)
  const { page, complaints } = await openTab(profile, `${server.url}/sessions/${id}`)
  const card = toolOf(page, 'write_file')
  await card.getByRole('button', { name: 'Approve', exact: true }).waitFor()
  const shown = (await card.textContent())!
  assert.match(shown, /"content": "a\\u202eb"/)
  assert.doesNotMatch(shown, /\u202e/)
  await card.getByRole('button', { name: 'Edit arguments' }).click()
  assert.match(await card.getByLabel('Arguments').inputValue(), /a\\u202eb/)
  await card.getByRole('button', { name: 'Approve with edits' }).click()
  await page.getByRole('log').getByText('All done.', { exact: true }).waitFor()
  const { body } = await server.call('GET', `/v1/sessions/${id}/fs/a`)
  assert.equal(body.content, 'a\u202eb')
  assert.deepEqual(complaints, [])
})

test('shows HTML as text on the page of a link', async (t) => {
  const { server, id } = world
  const shares = `/v1/sessions/${id}/shares`
  const made = await server.call('POST', shares, { include: ['details'] })
  const link = server.url + expectStatus(made, 201).path
  // High enough to render the whole conversation.
  const profile = await openProfile(t, browser, { viewport: { width: 1280, height: 6_000 } })
  const { page, complaints, asked } = await openWatched(profile, link)
  await page.getByRole('heading', { name: 'session<img' }).waitFor()
  const log = page.getByRole('log')
  await log.getByText('in a message<script>').first().waitFor()
  await unfold(log.getByRole('button', { name: 'Thinking' }))
  await log.locator('.thought', { hasText: 'in thinking<script>' }).waitFor()
  for (const [name, text] of [
    [short('tool'), 'an argument<script>'],
    ['mcp_tracker__say', 'in a result<script>'],
  ] as const) {
    const card = toolOf(page, name)
    await openCard(card)
    await card.getByText(text).filter({ visible: true }).first().waitFor()
  }
  await log.getByRole('button', { name: 'Load image from evil.invalid' }).waitFor()
  await assertHarmless(page, 'the page of a link')
  assert.deepEqual([...asked], [new URL(server.url).host])
  assert.deepEqual(complaints, [])
})

test('shows HTML in names and descriptions as text on every screen', async (t) => {
  const { server, waiting, agent_id, schedule } = world
  const profile = await openProfile(t, browser)
  const { page, complaints, asked } = await openWatched(profile, server.url)
  await walk(page, server.url, {
    '/': 'session<img',
    '/?new=true': 'agent<img',
    '/?search=session%3Cimg': 'session<img',
    [`/sessions/${waiting}?panel=events&find=%3Cimg`]: 'an argument<script>',
    '/agents': 'agent<img',
    [`/agents/${agent_id}?side=preview`]: 'in a prompt<script>',
    '/capabilities': 'tracker',
    '/providers': 'model<img',
    '/providers?tab=providers': 'provider<img',
    '/mcp-servers': 'of a server<script>',
    '/schedules': 'schedule<img',
    [`/schedules/${schedule.id}`]: 'schedule<img',
    [`/schedules/${schedule.id}?tab=edit`]: 'schedule<img',
    '/operations?tab=turns': 'agent<img',
    '/waiting': 'an argument<script>',
    '/usage?by=agent': 'agent<img',
    '/usage?by=user': 'user<img',
  })
  await page.goto(`${server.url}/mcp-servers`)
  const entry = page.getByRole('listitem', { name: 'tracker' })
  await entry.getByRole('button', { name: 'Test' }).click()
  await entry.getByText('mcp_tracker__say').click()
  await entry.getByText('in a tool<script>').filter({ visible: true }).first().waitFor()
  await assertHarmless(page, 'tools of a server')
  await page.goto(`${server.url}/providers?tab=providers`)
  const mine = page.getByRole('listitem', { name: short('provider') })
  await mine.getByRole('button', { name: 'Test' }).click()
  await mine.getByText('of a vendor<script>').first().waitFor()
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'Search or run a command' }).fill('agent<img')
  await page.getByRole('option', { name: 'agent<img' }).first().waitFor()
  await assertHarmless(page, 'the palette')

  assert.deepEqual([...asked], [new URL(server.url).host])
  assert.deepEqual(complaints, [])
})

test('shows HTML in names of users, organizations and keys as text', async (t) => {
  const server = await startGuarded(t)
  const person = await registerPerson(server, { name: short('person') })
  const { call, orgId } = person
  expectStatus(await call('PATCH', `/v1/orgs/${orgId}`, { name: short('organization') }), 200)
  await createKey(server, person, { name: short('key') })
  const invited = { email: "a'onload=ran=1'b@example.com", role: 'member' }
  expectStatus(await call('POST', `/v1/orgs/${orgId}/invitations`, invited), 201)
  const profile = await openProfile(t, browser)
  const { page, complaints, asked } = await openWatched(profile, server.url)
  await signIn(page, person)
  await assertHarmless(page, 'signed in')
  await walk(page, server.url, {
    '/settings': 'person<img',
    '/settings?tab=keys': 'key<img',
    '/settings?tab=members': "a'onload",
    '/settings?tab=organizations': 'organization<img',
    '/settings?tab=audit': 'person<img',
    '/?invitation=%3Cimg%20src=x%20onerror=ran=1%3E': 'person<img',
    '/?sign_in=%3Cimg%20src=x%20onerror=ran=1%3E': 'person<img',
    '/settings/%3Cimg%20src=x%20onerror=ran=1%3E': 'No page at this URL',
  })
  expectStatus(await callerWith(server.url, person.bearer)('GET', '/v1/auth/me'), 200)
  assert.deepEqual([...asked], [new URL(server.url).host])
  assert.deepEqual(complaints, [])
})
