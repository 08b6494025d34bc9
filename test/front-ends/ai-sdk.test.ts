import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lastAssistantMessageIsCompleteWithApprovalResponses, type UIMessage } from 'ai'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startModel } from '../../apps/server/test/remotes/written-model.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, scripted } from '../../apps/server/test/session.ts'
import {
  expectLog,
  type Front,
  libraryOf,
  openChat,
  seen,
  stored,
  textIn,
  untilChat,
  type Version,
} from './ai-sdk.ts'

const config = { requires_approval: ['write_file'] }
const capabilities = [
  { ref: 'session_file_system', config },
  { ref: 'ask_user' },
  { ref: 'test_math' },
]
const tools = [{ type: 'client_side', name: 'look', description: 'Looks.' }]

let server: Awaited<ReturnType<typeof startServer>>
let agent: Awaited<ReturnType<typeof createAgent>>
let chats = 0

beforeAll(async (t) => {
  server = await startServer(t)
  agent = await createAgent(server, { capabilities, tools })
})

const versions = [7, 6] as const satisfies Version[]

function open(version: Version): Front {
  chats += 1
  return { server, agent, version, id: `chat ${chats} of 6/7` }
}

const write = { name: 'write_file', arguments: { path: '/a.txt', content: 'hello' } }
const add = { name: 'add', arguments: { a: 1, b: 2 } }
const look = { name: 'look', arguments: { where: 'left' } }

type Tool = Extract<UIMessage['parts'][number], { type: 'dynamic-tool' }>

const toolsIn = (message: UIMessage | undefined) =>
  (message?.parts ?? []).filter((part): part is Tool => part.type === 'dynamic-tool')

/** The text so far of an answer. */
const answerIn = ({ lastMessage }: { lastMessage: UIMessage | undefined }) =>
  lastMessage?.role === 'assistant' ? textIn(lastMessage) : ''

/** A text that takes long enough to be interrupted. */
const slow = (text = 'one two three four five six seven eight nine ten') =>
  scripted({ text, tokens_per_second: 8, chunk: 4 })

for (const version of versions) {
  const { lastAssistantMessageIsCompleteWithToolCalls: isAnswered } = libraryOf(version)

  test(`streams an answer, thinking and a tool to version ${version}`, async () => {
    const front = open(version)
    const chat = openChat(front)
    await chat.sendMessage({ text: scripted({ thinking: 'Hm.', text: 'Hello Ada.' }) })
    assert.equal(chat.status, 'ready')
    assert.equal(textIn(chat.lastMessage), 'Hello Ada.')
    assert.equal(await expectLog(front, chat), 'idle')
    await chat.sendMessage({
      text: scripted({ text: 'Adding.', tool_calls: [add] }, { text: '3' }),
    })
    assert.equal(chat.messages.length, 4)
    assert.equal(toolsIn(chat.lastMessage)[0]?.state, 'output-available')
    await expectLog(front, chat)
  })

  test(`sends a text file of version ${version} to the model, and shows it as a file again`, async () => {
    const front = open(version)
    const chat = openChat(front)
    const text = 'name,born\n"Ada" <ada@example.com>,1815\né🐟\n'
    const url = `data:text/csv;base64,${Buffer.from(text).toString('base64')}`
    const file = { type: 'file', mediaType: 'text/csv', filename: 'a "b" & <c>.csv', url } as const
    const files = [file, { ...file, filename: 'second.csv' }]
    await chat.sendMessage({ text: scripted({ text: 'Two files.' }), files })
    assert.equal(textIn(chat.lastMessage), 'Two files.')
    assert.deepEqual(
      chat.messages[0]!.parts.map(({ type }) => type),
      ['file', 'file', 'text'],
    )
    await expectLog(front, chat)
    const { session_id } = await stored(front)
    const { body } = await server.call('GET', `/v1/sessions/${session_id}/messages`)
    assert.equal(
      body.data[0].content[0].text,
      `<file name="a &quot;b&quot; &amp; &lt;c&gt;.csv" type="text/csv">\n${text}\n</file>`,
    )
    await chat.regenerate()
    await expectLog(front, chat)
  })

  test(`asks a client of version ${version} for an approval, and continues after it`, async () => {
    for (const approved of [true, false]) {
      const front = open(version)
      const chat = openChat(front, {
        sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
      })
      // The other call runs by itself; its result belongs to the first stream.
      await chat.sendMessage({ text: scripted({ tool_calls: [write, add] }, { text: 'Done.' }) })
      assert.equal(chat.status, 'ready')
      const part = toolsIn(chat.lastMessage).find(({ state }) => state === 'approval-requested')
      assert.ok(part?.approval, JSON.stringify(chat.lastMessage))
      assert.equal(await expectLog(front, chat), 'waiting')
      const { id } = part.approval
      await chat.addToolApprovalResponse({ id, approved, reason: 'because' })
      await untilChat(() => textIn(chat.lastMessage) === 'Done.' && chat.status === 'ready')
      assert.equal(chat.messages.length, 2)
      const states = toolsIn(chat.lastMessage).map(({ state }) => state)
      assert.deepEqual(states, [
        approved ? 'output-available' : 'output-denied',
        'output-available',
      ])
      await expectLog(front, chat)
    }
  })

  test(`lets a client of version ${version} run its tools`, async () => {
    const front = open(version)
    const chat = openChat(front, {
      sendAutomaticallyWhen: isAnswered,
      onToolCall({ toolCall: { toolName, toolCallId, input } }) {
        assert.equal(toolName, 'look')
        const { where } = input as { where: string }
        const answer =
          where === 'left'
            ? { output: { sees: ['a door'] } }
            : { state: 'output-error' as const, errorText: 'It is dark.' }
        void chat.addToolOutput({ tool: toolName, toolCallId, ...answer } as never)
      },
    })
    const both = [look, { name: 'look', arguments: { where: 'right' } }]
    await chat.sendMessage({ text: scripted({ tool_calls: both }, { text: 'A door.' }) })
    await untilChat(() => textIn(chat.lastMessage) === 'A door.' && chat.status === 'ready')
    const states = toolsIn(chat.lastMessage).map(({ state }) => state)
    assert.deepEqual(states, ['output-available', 'output-error'])
    await expectLog(front, chat)
  })

  test(`asks a person questions through version ${version}`, async () => {
    const front = open(version)
    const chat = openChat(front)
    const questions = [{ kind: 'text', question: 'Your name?' }]
    const ask = { name: 'ask_user', arguments: { questions } }
    await chat.sendMessage({ text: scripted({ tool_calls: [ask] }, { text: 'Hello.' }) })
    const part = chat.lastMessage!.parts.find(({ type }) => type === 'data-outlast-question')
    const { id, data } = part as { id: string; data: { questions: { id: string }[] } }
    assert.equal(await expectLog(front, chat), 'waiting')
    const answers = [{ id: data.questions[0]!.id, value: 'Ada' }]
    const body = { question_answers: [{ tool_call_id: id, answers }] }
    await chat.sendMessage(undefined, { body })
    assert.equal(textIn(chat.lastMessage), 'Hello.')
    assert.match(JSON.stringify(toolsIn(chat.lastMessage)), /Ada/)
    await expectLog(front, chat)
  })

  test(`a new page of version ${version} continues in the middle of an answer`, async (t) => {
    const model = await startModel(t)
    const { agent_id } = await model.session(server)
    const front: Front = { ...open(version), agent: { id: agent_id } }
    const first = openChat(front)
    const sent = first.sendMessage({ text: 'Count.' })
    const call = await model.call()
    call.say('one two three ')
    await untilChat(() => answerIn(first).length > 4)
    const page = await stored(front)
    assert.equal(page.status, 'active')
    const second = openChat(front, { messages: page.messages })
    const ids = first.messages.map(({ id }) => id)
    await first.stop()
    await sent
    const resumed = second.resumeStream()
    call.say('four five')
    call.end()
    await resumed
    assert.equal(textIn(second.lastMessage), 'one two three four five')
    assert.deepEqual(
      second.messages.map(({ id }) => id),
      ids,
    )
    await expectLog(front, second)
    // The turn has ended, and is sent once more for a page that loads now.
    const third = openChat(front, { messages: (await stored(front)).messages })
    await third.resumeStream()
    assert.equal(third.status, 'ready')
    await expectLog(front, third)
  })

  test(`stops the turn of version ${version}, and answers the next message`, async () => {
    const front = open(version)
    const chat = openChat(front)
    const sent = chat.sendMessage({ text: slow('one two '.repeat(500)) })
    await untilChat(() => answerIn(chat).length > 4)
    const path = `/v1/ai-sdk/agents/${agent.id}/chat/${encodeURIComponent(front.id)}/stop`
    const { status, body } = await server.call('POST', path)
    assert.deepEqual([status, body.status], [202, 'cancelled'])
    await sent
    assert.equal(chat.status, 'ready')
    const { status: end } = chat.lastMessage!.metadata as { status?: string }
    assert.equal(end, 'cancelled')
    await expectLog(front, chat)
    await chat.sendMessage({ text: scripted({ text: 'Again.' }) })
    assert.equal(textIn(chat.lastMessage), 'Again.')
    await expectLog(front, chat)
  })

  test(`answers again and replaces messages of version ${version}`, async () => {
    const front = open(version)
    const chat = openChat(front)
    await chat.sendMessage({ text: scripted({ text: 'First.' }) })
    await chat.sendMessage({ text: scripted({ text: 'Second.' }) })
    const { session_id: before } = await stored(front)
    const second = chat.lastMessage!.id
    await chat.regenerate()
    assert.equal(chat.messages.length, 4)
    assert.notEqual(chat.lastMessage!.id, second)
    await expectLog(front, chat)
    assert.notEqual((await stored(front)).session_id, before)
    // An answer further up: the messages after it are gone.
    await chat.regenerate({ messageId: chat.messages[1]!.id })
    assert.equal(chat.messages.length, 2)
    await expectLog(front, chat)
    const messageId = chat.messages[0]!.id
    await chat.sendMessage({ text: scripted({ text: 'Edited.' }), messageId })
    assert.deepEqual(chat.messages.map(textIn).slice(1), ['Edited.'])
    await expectLog(front, chat)
  })

  test(`shows version ${version} the failure of a turn, and continues after it`, async () => {
    const front = open(version)
    const chat = openChat(front)
    const error = { message: 'No.', status: 400 }
    await chat.sendMessage({ text: scripted({ text: '', error }) })
    assert.equal(chat.status, 'error')
    assert.ok(chat.error!.message.length > 10, chat.error!.message)
    await expectLog(front, chat)
    await chat.sendMessage({ text: scripted({ text: 'Fine.' }) })
    assert.equal(textIn(chat.lastMessage), 'Fine.')
    await expectLog(front, chat)
  })

  test(`shows version ${version} an answer that begins again`, async () => {
    const front = open(version)
    const chat = openChat(front)
    const error = { message: 'Broken off.', status: 500, after_characters: 12, fail_attempts: 1 }
    const text = 'The whole answer of the model.'
    await chat.sendMessage({ text: scripted({ text, error, tokens_per_second: 30, chunk: 4 }) })
    const page = await stored(front)
    assert.equal(textIn(page.messages.at(-1)), text)
    if (version === 7) {
      assert.ok(seen.some(({ chunk }) => chunk.type === 'reset-step'))
      return void (await expectLog(front, chat))
    }
    // It has no chunk that takes text back.
    assert.ok(textIn(chat.lastMessage).endsWith(text))
  })

  test(`a message of version ${version} while the turn waits ends the wait`, async () => {
    const front = open(version)
    const chat = openChat(front)
    await chat.sendMessage({ text: scripted({ tool_calls: [write] }, { text: 'Written.' }) })
    await chat.sendMessage({ text: scripted({ text: 'Instead.' }) })
    assert.equal(textIn(chat.lastMessage), 'Instead.')
    assert.equal(chat.messages.length, 4)
    const { messages } = await stored(front)
    assert.equal(toolsIn(messages[1])[0]?.state, 'output-error')
  })
}

test('two pages of one chat get the same answer, and one of them decides', async () => {
  const front = open(7)
  const one = openChat(front)
  await one.sendMessage({ text: scripted({ tool_calls: [write] }, { text: 'Written.' }) })
  const { messages } = await stored(front)
  const two = openChat(front, { messages })
  const { id } = toolsIn(one.lastMessage)[0]!.approval!
  await one.addToolApprovalResponse({ id, approved: true })
  await one.sendMessage()
  assert.equal(textIn(one.lastMessage), 'Written.')
  // The other page decides too late, and otherwise: it gets the end of the turn.
  await two.addToolApprovalResponse({ id, approved: false })
  await two.sendMessage()
  assert.equal(textIn(two.lastMessage), 'Written.')
  assert.equal(two.status, 'ready')
  await expectLog(front, one)
  await expectLog(front, two)
})

test('an edit ends the turn that runs and the one of a message that waits behind it', async () => {
  const front = open(7)
  const chat = openChat(front)
  const long = slow('one two '.repeat(500))
  const sent = chat.sendMessage({ text: long })
  await untilChat(() => answerIn(chat).length > 4)
  const path = `/v1/sessions/${(await stored(front)).session_id}/messages`
  const message = { content: [{ type: 'text', text: long }] }
  await server.call('POST', path, { message, on_busy: 'queue' })
  await chat.stop()
  await sent
  const messageId = chat.messages[0]!.id
  await chat.sendMessage({ text: scripted({ text: 'Edited.' }), messageId })
  assert.deepEqual([textIn(chat.lastMessage), chat.status], ['Edited.', 'ready'])
  await expectLog(front, chat)
})

test('a repeated request attaches to its turn', async () => {
  const front = open(7)
  const message = { id: 'm1', role: 'user' as const, parts: [{ type: 'text', text: slow() }] }
  const one = openChat(front)
  const two = openChat(front)
  const sent = [one, two].map((chat) => chat.sendMessage(message as never))
  await Promise.all(sent)
  assert.deepEqual(one.messages, two.messages)
  await expectLog(front, one)
  const events = await server.call('GET', `/v1/sessions/${(await stored(front)).session_id}/events`)
  const types = (events.body.data as { type: string }[]).map(({ type }) => type)
  assert.equal(types.filter((type) => type === 'input.message').length, 1)
  // After its end the repeat gets the message again.
  const three = openChat(front)
  await three.sendMessage(message as never)
  await expectLog(front, three)
})

test('messages of two pages are answered one after the other', async () => {
  const front = open(7)
  const one = openChat(front)
  const first = one.sendMessage({ text: slow('First of two answers.') })
  await untilChat(() => answerIn(one).length > 4)
  const two = openChat(front, { messages: (await stored(front)).messages })
  const second = two.sendMessage({ text: scripted({ text: 'Second.' }) })
  await Promise.all([first, second])
  assert.equal(textIn(two.lastMessage), 'Second.')
  const { messages } = await stored(front)
  assert.deepEqual(messages.filter(({ role }) => role === 'assistant').map(textIn), [
    'First of two answers.',
    'Second.',
  ])
})

test('pages through the messages of a chat', async () => {
  const front = open(7)
  const chat = openChat(front)
  for (const text of ['A', 'B', 'C']) await chat.sendMessage({ text: scripted({ text }) })
  const path = `/v1/ai-sdk/agents/${agent.id}/chat/${encodeURIComponent(front.id)}/messages`
  const pages: string[][] = []
  for (let query = '?limit=2'; ; ) {
    const { body } = await server.call('GET', path + query)
    pages.push(body.messages.filter(({ role }: UIMessage) => role === 'assistant').map(textIn))
    assert.equal(body.has_more, body.before !== null)
    if (!body.has_more) break
    query = `?limit=2&before=${body.before}`
  }
  assert.deepEqual(pages, [['B', 'C'], ['A']])
})

test('every chunk that was sent is one of the version of its client', async () => {
  assert.ok(seen.length > 100)
  for (const version of versions) {
    const schema = libraryOf(version).uiMessageChunkSchema()
    for (const { chunk } of seen.filter((one) => one.version === version)) {
      const result = await schema.validate!(chunk)
      assert.ok(result.success, JSON.stringify(chunk))
    }
  }
})
