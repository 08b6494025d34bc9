/** `@outlast/assistant-ui` in Chromium, driven through the API of the runtime. */
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { builtins } from '../../apps/server/src/capabilities/index.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { answerFirst, asksTwice } from '../../apps/server/test/processes/own-code.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, scripted } from '../../apps/server/test/session.ts'
import { eventually, openProfile, openTab, startBrowser } from '../browser/browser.ts'
import { answerBefore, bundle, startSite } from './site.ts'

const root = path.join(import.meta.dirname, '../..')

let browser: Browser
let origin: string
let server: Awaited<ReturnType<typeof startServer>>
let agentId: string

beforeAll(async (t) => {
  browser = await startBrowser(t)
  const file = path.join(root, 'packages/assistant-ui/test/page.tsx')
  origin = await startSite(t, await bundle(file, root))
  const capabilities = [...builtins, asksTwice]
  server = await startServer(t, { capabilities, env: { CORS_ALLOWED_ORIGINS: origin } })
  const locate = {
    type: 'client_side',
    name: 'locate',
    description: 'A tool.',
    parameters: { type: 'object', properties: {} },
    policy: 'requires_approval',
  }
  const ask = { ...locate, name: 'pick', policy: 'auto' }
  const { id } = await createAgent(server, {
    tools: [locate, ask],
    capabilities: [{ ref: 'ask_user' }, { ref: 'own' }],
  })
  agentId = id
})

type Hook = { after: (work: () => unknown) => void }

async function openAssistant(t: Hook, user: string, ofAgent = agentId) {
  const { page, complaints } = await openTab(await openProfile(t, browser), origin)
  await page.waitForFunction('globalThis.app !== undefined')
  await page.evaluate(`app.show(${JSON.stringify({ url: server.url, agentId: ofAgent, user })})`)
  await page.waitForFunction('globalThis.runtime !== undefined')
  return { page, complaints }
}

const send = (page: Page, text: string) =>
  page.evaluate(`runtime.thread.append(${JSON.stringify(text)})`)

type Part = { type: string; text?: string; toolName?: string; result?: unknown; approval?: object }
type Message = { id: string; role: string; content: Part[]; status?: { type: string } }

const messagesOf = (page: Page) =>
  page.evaluate<Message[]>('JSON.parse(JSON.stringify(runtime.thread.getState().messages))')

/** Waits until the last message fits, and returns it. */
async function untilLast(page: Page, fits: (message: Message) => boolean): Promise<Message> {
  let last: Message | undefined
  await eventually(async () => {
    last = (await messagesOf(page)).at(-1)
    assert.ok(last && fits(last), JSON.stringify(last))
  })
  return last!
}

const says = (text: string) => (message: Message) =>
  message.role === 'assistant' &&
  message.status?.type === 'complete' &&
  message.content.at(-1)?.text === text

const waits = (message: Message) => message.status?.type === 'requires-action'
const calls = (name: string, input: object = {}) => ({ tool_calls: [{ name, arguments: input }] })

test('sends, approves, answers, submits a result, edits, reloads and cancels', async (t) => {
  const { page, complaints } = await openAssistant(t, 'ada')
  await send(page, scripted({ text: 'Good morning' }))
  await untilLast(page, says('Good morning'))
  await page
    .getByRole('region', { name: 'Thread' })
    .getByText('Good morning', { exact: true })
    .waitFor()

  await send(page, scripted(calls('locate'), { text: 'Located.' }))
  await untilLast(page, waits)
  await page.evaluate(`(() => {
    const message = runtime.thread.getMessageById(runtime.thread.getState().messages.at(-1).id)
    return message.getMessagePartByIndex(0).respondToToolApproval({ approved: true })
  })()`)
  const located = await untilLast(page, says('Located.'))
  assert.deepEqual(located.content[0]!.result, { place: 'Kyiv' })

  await send(page, scripted(calls('pick'), { text: 'Picked.' }))
  await untilLast(page, waits)
  await page.evaluate(`(() => {
    const message = runtime.thread.getMessageById(runtime.thread.getState().messages.at(-1).id)
    return message.getMessagePartByIndex(0).addToolResult({ day: 'Monday' })
  })()`)
  const picked = await untilLast(page, says('Picked.'))
  assert.deepEqual(picked.content[0]!.result, { day: 'Monday' })

  const questions = [{ id: 'size', kind: 'number', question: 'Which size?' }]
  await send(page, scripted(calls('ask_user', { questions }), { text: 'Thank you.' }))
  await untilLast(page, waits)
  await page.evaluate(`(() => {
    const message = runtime.thread.getMessageById(runtime.thread.getState().messages.at(-1).id)
    const answers = { size: { text: '42' } }
    return message.getMessagePartByIndex(0).respondToToolApproval({ answers })
  })()`)
  const asked = await untilLast(page, says('Thank you.'))
  assert.match(JSON.stringify(asked.content[0]!.result), /42/)

  const [first] = await messagesOf(page)
  const edited = { role: 'user', content: [{ type: 'text', text: scripted({ text: 'Edited.' }) }] }
  await page.evaluate(
    `runtime.thread.append(${JSON.stringify({ ...edited, parentId: null, sourceId: first!.id })})`,
  )
  await untilLast(page, says('Edited.'))
  await eventually(async () => assert.equal((await messagesOf(page)).length, 2))

  const [question] = await messagesOf(page)
  await page.evaluate(`runtime.thread.startRun({ parentId: ${JSON.stringify(question!.id)} })`)
  await eventually(async () => assert.notEqual((await messagesOf(page))[0]!.id, question!.id))
  await untilLast(page, says('Edited.'))

  const words = Array.from({ length: 2_000 }, (_, n) => `word${n}`).join(' ')
  await send(page, scripted({ text: words, tokens_per_second: 20 }))
  await untilLast(page, ({ content }) => content.at(-1)?.text?.includes('word2') ?? false)
  await page.evaluate('runtime.thread.cancelRun()')
  await untilLast(page, ({ status }) => status?.type === 'incomplete')
  assert.deepEqual(complaints, [])
})

test('an answer to questions that another client answered is not one to the next ones', async (t) => {
  const { page } = await openAssistant(t, 'eve')
  await send(page, scripted(calls('confirm'), { text: 'Done.' }))
  await untilLast(page, waits)
  const { body } = await server.call('GET', '/v1/sessions?user=eve')
  const { id } = body.data[0]
  const answer = await answerBefore(page, () => answerFirst(server.call, id))
  await page.evaluate(`(() => {
    const message = runtime.thread.getMessageById(runtime.thread.getState().messages.at(-1).id)
    const answers = { q1: { optionIds: ['Yes'] } }
    message.getMessagePartByIndex(0).respondToToolApproval({ answers })
  })()`)
  assert.equal(await answer.status(), 409)
})

test('a thread that the server refused is created when the cause is gone', async (t) => {
  const { id } = await createAgent(server, {})
  const change = (status: string) => server.call('PATCH', `/v1/agents/${id}`, { status })
  const { page } = await openAssistant(t, 'dan', id)
  await change('archived')
  const created = () =>
    page.waitForResponse(
      (response) => response.request().method() === 'POST' && /sessions$/.test(response.url()),
    )
  const refused = created()
  await send(page, 'Hello')
  assert.equal((await refused).status(), 409)
  await page.waitForFunction("runtime.threads.mainItem.getState().status === 'new'")
  await change('active')
  const accepted = created()
  await send(page, scripted({ text: 'Good morning' }))
  assert.equal((await accepted).status(), 201)
  await untilLast(page, says('Good morning'))
})

test('threads are the sessions of the user, and are renamed, archived and deleted', async (t) => {
  const { page } = await openAssistant(t, 'bob')
  await send(page, scripted({ text: 'One.' }))
  await untilLast(page, says('One.'))
  await page.evaluate('runtime.threads.switchToNewThread()')
  await send(page, scripted({ text: 'Two.' }))
  await untilLast(page, says('Two.'))
  const sessions = async () => {
    const { body } = await server.call('GET', '/v1/sessions?user=bob')
    return body.data as { id: string; title: string | null; tags: string[] }[]
  }
  const [two, one] = await sessions()
  await page.evaluate(`runtime.threads.getItemById(${JSON.stringify(one!.id)}).rename('First')`)
  await page.evaluate(`runtime.threads.getItemById(${JSON.stringify(two!.id)}).archive()`)
  await eventually(async () => {
    const [archived, renamed] = await sessions()
    assert.deepEqual([archived!.tags, renamed!.title], [['archived'], 'First'])
  })
  const other = await openAssistant(t, 'bob')
  await eventually(async () => {
    const state = await other.page.evaluate<{ threadIds: string[]; archivedThreadIds: string[] }>(
      `(({ threadIds, archivedThreadIds }) => ({ threadIds, archivedThreadIds }))(runtime.threads.getState())`,
    )
    assert.deepEqual(state, { threadIds: [one!.id], archivedThreadIds: [two!.id] })
  })
  await other.page.evaluate(`runtime.threads.switchToThread(${JSON.stringify(one!.id)})`)
  await untilLast(other.page, says('One.'))
  await other.page.evaluate(`runtime.threads.getItemById(${JSON.stringify(one!.id)}).delete()`)
  await eventually(async () =>
    assert.deepEqual(
      (await sessions()).map(({ id }) => id),
      [two!.id],
    ),
  )
})

test('a thread whose message was sent again is renamed and deleted where it continues', async (t) => {
  const { page } = await openAssistant(t, 'fay')
  await send(page, scripted({ text: 'One.' }))
  await untilLast(page, says('One.'))
  const [question] = await messagesOf(page)
  await page.evaluate(`runtime.thread.startRun({ parentId: ${JSON.stringify(question!.id)} })`)
  await eventually(async () => assert.notEqual((await messagesOf(page))[0]!.id, question!.id))
  await untilLast(page, says('One.'))
  const titles = async () => {
    const { body } = await server.call('GET', '/v1/sessions?user=fay')
    const sessions = body.data as { title: string | null; superseded_by: string | null }[]
    return sessions.filter((one) => one.superseded_by === null).map(({ title }) => title)
  }
  assert.deepEqual(await titles(), [null])
  await page.evaluate("runtime.threads.mainItem.rename('First')")
  await eventually(async () => assert.deepEqual(await titles(), ['First']))
  await page.evaluate('runtime.threads.mainItem.delete()')
  await eventually(async () => assert.deepEqual(await titles(), []))
})

test('an answer is complete although the turn before it was cancelled after its message', async (t) => {
  const { page } = await openAssistant(t, 'gus')
  const words = Array.from({ length: 2_000 }, (_, n) => `word${n}`).join(' ')
  await send(page, scripted({ text: words, tokens_per_second: 20 }))
  await untilLast(page, ({ content }) => content.at(-1)?.text?.includes('word2') ?? false)
  const { body } = await server.call('GET', '/v1/sessions?user=gus')
  const at = `/v1/sessions/${body.data[0].id}`
  const message = { content: [{ type: 'text', text: scripted({ text: 'Next.' }) }] }
  await server.call('POST', `${at}/messages`, { message, on_busy: 'queue' })
  await server.call('POST', `${at}/cancel`)
  await untilLast(page, says('Next.'))
})
