import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { LLMock } from '@copilotkit/aimock'
import { writeProject } from '../../test/processes/project-files.ts'
import { type CassetteOptions, cassette, startTestServer } from './index.ts'

const apiKey = 'sk-a-key-that-no-file-may-have'
const clerk = { name: 'Clerk', system_prompt: 'You add numbers.', capabilities: [{ ref: 'tools' }] }
const addTool = `
  import { defineTool, Type } from 'outlast'
  export default defineTool({
    description: 'Adds.',
    replay: 'safe',
    input: Type.Object({ one: Type.Number(), other: Type.Number() }),
    run: ({ one, other }) => one + other,
  })`

/** A vendor that answers one conversation with a tool call and a text, and counts its requests. */
async function startVendor(t: TestContext) {
  const mock = new LLMock({ port: 0 })
  const call = { name: 'add', arguments: JSON.stringify({ one: 2, other: 3 }) }
  mock.on({ userMessage: 'Add 2 and 3.', hasToolResult: false }, { toolCalls: [call] })
  mock.on({ userMessage: 'Add 2 and 3.', hasToolResult: true }, { content: 'It is 5.' })
  const url = await mock.start()
  let isUp = true
  const stop = async () => {
    if (isUp) await mock.stop()
    isUp = false
  }
  t.after(stop)
  return { url, stop, requests: () => mock.getRequests() }
}

/** Sends messages to a server with a cassette as its model. Returns the replies. */
async function converse(
  { project, file, messages }: { project: string; file: string; messages: string[] },
  options: CassetteOptions,
) {
  await using server = await startTestServer({
    project,
    model: cassette(file, options),
    agents: [clerk],
  })
  const session = await server.session()
  const replies: string[] = []
  for (const message of messages) replies.push((await session.send(message)).text)
  return replies
}

for (const provider of ['openai_completions', 'anthropic'] as const) {
  test(`a conversation with ${provider} is recorded, and replayed without the vendor`, async (t) => {
    const project = writeProject(t, { 'tools/add.ts': addTool })
    const file = path.join(project, 'recordings/add.json')
    const vendor = await startVendor(t)
    const options = { model: 'a-model', provider, target: `${vendor.url}/v1`, apiKey }
    const messages = ['Add 2 and 3.']
    assert.deepEqual(await converse({ project, file, messages }, options), ['It is 5.'])
    assert.equal(vendor.requests().length, 2)
    await vendor.stop()

    const text = readFileSync(file, 'utf8')
    assert.doesNotMatch(text, /sk-a-key|authorization|x-api-key/i)
    const { exchanges } = JSON.parse(text)
    assert.equal(exchanges.length, 2)
    assert.ok(exchanges[0].response.chunks.length > 2)

    for (const mode of ['replay', 'auto'] as const) {
      const again = await converse({ project, file, messages }, { ...options, mode })
      assert.deepEqual(again, ['It is 5.'])
    }
    assert.equal(readFileSync(file, 'utf8'), text)
  })
}

test('a request that differs from the recording fails with the difference and the remedy', async (t) => {
  const project = writeProject(t, { 'tools/add.ts': addTool })
  const file = path.join(project, 'add.json')
  const vendor = await startVendor(t)
  const options = { model: 'a-model', target: `${vendor.url}/v1`, apiKey }
  await converse({ project, file, messages: ['Add 2 and 3.'] }, options)

  const server = await startTestServer({
    project,
    model: cassette(file, { ...options, mode: 'replay' }),
    agents: [clerk],
  })
  t.after(server.stop)
  const session = await server.session()
  await assert.rejects(async () => session.send('Add 3 and 4.'))
  await assert.rejects(
    server.until(session, 'tool.completed'),
    /Request 1 differs from .*add\.json: it has message 1 of user: "Add 3 and 4\.", and the recording has message 1 of user: "Add 2 and 3\."\. Record .* again/,
  )
  const short = await server.session()
  await assert.rejects(async () => short.send('Add 2 and 3.'))
})

test('a key in a body is not stored, and a missing recording is an error', async (t) => {
  const project = writeProject(t, { 'tools/add.ts': addTool })
  const file = path.join(project, 'key.json')
  const vendor = await startVendor(t)
  const options = { model: 'a-model', target: `${vendor.url}/v1`, apiKey, mode: 'record' as const }
  await assert.rejects(converse({ project, file, messages: [`My key is ${apiKey}.`] }, options))
  assert.match(readFileSync(file, 'utf8'), /My key is \[API key\]/)

  const missing = path.join(project, 'missing.json')
  const replaying = { ...options, mode: 'replay' as const }
  await assert.rejects(
    converse({ project, file: missing, messages: [] }, replaying),
    /There is no recording in .*missing\.json/,
  )
  assert.ok(!existsSync(missing))
})

test('requests of pages and of other paths do not reach the vendor', async (t) => {
  const vendor = await startVendor(t)
  const file = path.join(writeProject(t, {}), 'page.json')
  const options = { model: 'a-model', mode: 'record', target: vendor.url, apiKey } as const
  const { wire } = cassette(file, options)
  t.after(() => wire.close())
  const url = await wire.open()
  const body = JSON.stringify({ model: 'a-model', messages: [{ role: 'user', content: 'Hi.' }] })
  const origin = 'https://attacker.example.com'
  const asked: [string, Record<string, string>][] = [
    [`${url}/chat/completions`, { origin }],
    [`${url}.attacker.example.com/chat/completions`, {}],
  ]
  for (const [address, headers] of asked) {
    const { status } = await fetch(address, { method: 'POST', headers, body })
    assert.equal(status, 403, address)
  }
  assert.equal(vendor.requests().length, 0)
  assert.equal(existsSync(file), false)
})
