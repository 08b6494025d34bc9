import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI from 'openai'
import type { Response } from 'openai/resources/responses/responses'
import { createKey, expectStatus, registerPerson, startGuarded } from '../../../../test/access.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import {
  createAgent,
  eventsOf,
  type ScriptStep,
  scripted,
  sessionOf,
} from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'

let server: Awaited<ReturnType<typeof startGuarded>>
let person: Awaited<ReturnType<typeof registerPerson>>
let key: Awaited<ReturnType<typeof createKey>>
let agentId: string
let openai: OpenAI

const clientOf = (apiKey: string) =>
  new OpenAI({ baseURL: `${server.url}/openai/v1`, apiKey, maxRetries: 0 })

beforeAll(async (t) => {
  server = await startGuarded(t as Parameters<typeof startGuarded>[0])
  person = await registerPerson(server)
  key = await createKey(server, person)
  openai = clientOf(key.key)
  const files = { ref: 'session_file_system', config: { requires_approval: ['write_file'] } }
  const tools = [{ type: 'client_side', name: 'look', description: 'Looks.' }]
  const about = { url: server.url, call: key.call }
  agentId = (await createAgent(about, { name: 'ada', capabilities: [files], tools })).id
})

const model = 'agent:ada'
const ask = (...steps: ScriptStep[]) => ({ model, input: scripted(...steps) })
const again = { headers: { 'x-stainless-retry-count': '1' } }
const loggedIn = (id: string, types: string) =>
  eventsOf({ url: server.url, call: key.call }, id, `?types=${types}`)

const write = { name: 'write_file', arguments: { path: '/a.txt', content: 'x' }, id: 'call_write' }
const look = { name: 'look', arguments: {}, id: 'call_look' }
const mixed = scripted({ tool_calls: [write, look] }, { text: 'Both.' })

/** The answers to a response that asks for an approval and a call of the client. */
const answersTo = ({ output }: Response) =>
  output.flatMap((item) => {
    const { type, id, call_id } = item as { type: string; id: string; call_id: string }
    if (type === 'function_call') {
      return { type: 'function_call_output' as const, call_id, output: '"A box."' }
    }
    if (type !== 'mcp_approval_request') return []
    return { type: 'mcp_approval_response' as const, approval_request_id: id, approve: true }
  })

test('answers that were stored in part are completed by the same request', async () => {
  for (const isWhole of [false, true]) {
    const user = { role: 'user' as const, content: mixed }
    const asked = await openai.responses.create({ model, input: [user] })
    const answers = answersTo(asked)
    assert.equal(answers.length, 2)
    const approval = `/v1/sessions/${sessionOf(asked)}/approvals/call_write`
    expectStatus(await key.call('POST', approval, { decision: 'approve' }), 200)
    // The approved call ends before the client answers the other one.
    await eventually(async () => (await loggedIn(sessionOf(asked), 'tool.completed')).length > 0)
    const request = isWhole
      ? { model, input: [user, ...(asked.output as never[]), ...answers] }
      : { model, previous_response_id: asked.id, input: answers }
    const answered = await openai.responses.create(request)
    assert.equal(answered.output_text, 'Both.')
    const resolved = await loggedIn(sessionOf(asked), 'tool.approval_resolved')
    assert.equal(resolved.length, 1)
    const { data } = await openai.responses.inputItems.list(answered.id, { order: 'asc' })
    const types = data.map(({ type }) => type as string)
    assert.equal(types[0], 'mcp_approval_response')
    const { id } = await openai.responses.create(request, again)
    assert.equal(id, answered.id)
    await assert.rejects(openai.responses.create(request), { status: 400, code: 'invalid_request' })
  }
})

test('repeats of the approval and of the output of one call get their own responses', async () => {
  const policy = 'requires_approval'
  const tool = { type: 'client_side', name: 'open_door', description: 'Opens a door.', policy }
  await createAgent({ url: server.url, call: key.call }, { name: 'eve', tools: [tool] })
  const open = { name: 'open_door', arguments: {}, id: 'call_open' }
  const input = scripted({ tool_calls: [open] }, { text: 'It is open.' })
  const asked = await openai.responses.create({ model: 'agent:eve', input })
  const approval = {
    model: 'agent:eve',
    previous_response_id: asked.id,
    input: answersTo(asked),
  }
  const approved = await openai.responses.create(approval)
  assert.equal((await openai.responses.create(approval, again)).id, approved.id)
  await assert.rejects(openai.responses.create(approval), { status: 400, code: 'invalid_request' })
  const request = {
    model: 'agent:eve',
    previous_response_id: approved.id,
    input: answersTo(approved),
  }
  const answered = await openai.responses.create(request)
  assert.equal(answered.output_text, 'It is open.')
  assert.equal((await openai.responses.create(request, again)).id, answered.id)
  assert.equal((await openai.responses.create(approval, again)).id, approved.id)
})

test('no answer is stored if a token may not send one of them', async () => {
  const tokenOf = async (fields: object) => {
    const grants = { user: 'eve', agent_ids: [agentId], access: 'approve', view: 'full', ...fields }
    return expectStatus(await key.call('POST', '/v1/tokens', grants), 201).token as string
  }
  const asked = await openai.responses.create({ model, input: mixed, user: 'eve' })
  const request = { previous_response_id: asked.id, input: answersTo(asked) }
  for (const fields of [{}, { access: 'write', tool_results: ['look'] }]) {
    const { status } = (await clientOf(await tokenOf(fields))
      .responses.create(request)
      .catch((error) => error)) as { status: number }
    assert.equal(status, 403)
    const answers = 'tool.approval_resolved,tool.completed'
    assert.deepEqual(await loggedIn(sessionOf(asked), answers), [])
  }
  const granted = clientOf(await tokenOf({ tool_results: ['look'] }))
  assert.equal((await granted.responses.create(request)).output_text, 'Both.')
})

test('a repeat of a request with an older response gets the answer of its fork', async () => {
  const first = await openai.responses.create(ask({ text: 'One.' }))
  const previous_response_id = first.id
  await openai.responses.create({ ...ask({ text: 'Two.' }), previous_response_id })
  const edited = { ...ask({ text: 'Other.' }), previous_response_id }
  const other = await openai.responses.create(edited)
  assert.notEqual(sessionOf(other), sessionOf(first))
  assert.equal((await openai.responses.create(edited, again)).id, other.id)
  const next = await openai.responses.create(edited)
  assert.notEqual(sessionOf(next), sessionOf(other))
})

test('a repeat never gets the answer to another caller of the organization', async () => {
  const other = await createKey(server, person)
  const theirs = clientOf(other.key)
  const request = ask({ text: 'For one caller.' })
  const first = await openai.responses.create(request)
  assert.equal((await openai.responses.create(request, again)).id, first.id)
  const second = await theirs.responses.create(request, again)
  assert.notEqual(sessionOf(second), sessionOf(first))
  assert.equal((await theirs.responses.create(request, again)).id, second.id)
  const messages = [{ role: 'user' as const, content: scripted({ text: 'Chat for one caller.' }) }]
  const chat = await openai.chat.completions.create({ model, messages })
  assert.equal((await openai.chat.completions.create({ model, messages }, again)).id, chat.id)
  assert.notEqual((await theirs.chat.completions.create({ model, messages }, again)).id, chat.id)
})

test('a repeat of answers with a message posts the message once', async () => {
  const asked = await openai.responses.create(ask({ tool_calls: [look] }, { text: 'Seen.' }))
  const request = {
    previous_response_id: asked.id,
    input: [...answersTo(asked), { role: 'user' as const, content: 'And now?' }],
  }
  const answered = await openai.responses.create(request)
  assert.equal((await openai.responses.create(request, again)).id, answered.id)
  assert.equal((await loggedIn(sessionOf(asked), 'input.message')).length, 2)
})

test('a repeat of outputs with a message finds their turn, which waits again', async () => {
  const asked = await openai.responses.create(ask({ tool_calls: [look] }))
  const { call_id: id } = asked.output.find(({ type }) => type === 'function_call') as {
    call_id: string
  }
  const call = { id, type: 'function' as const, function: { name: 'look', arguments: '{}' } }
  const goesOn = scripted({ tool_calls: [{ ...look, id: 'call_again' }] })
  const messages = [
    { role: 'user' as const, content: 'Look.' },
    { role: 'assistant' as const, tool_calls: [call] },
    { role: 'tool' as const, tool_call_id: id, content: '"A box."' },
    { role: 'user' as const, content: goesOn },
  ]
  const answered = await openai.chat.completions.create({ model, messages })
  assert.equal(answered.choices[0]!.message.tool_calls?.length, 1)
  const repeated = await openai.chat.completions.create({ model, messages }, again)
  assert.equal(repeated.id, answered.id)
})

test('a response that waited before does not cancel what follows', async () => {
  const second = { tool_calls: [{ ...look, id: 'call_again' }] }
  const begun = await openai.responses.create(
    ask({ tool_calls: [look] }, second, { text: 'Seen.' }),
  )
  const input = answersTo(begun)
  const asked = await openai.responses.create({ previous_response_id: begun.id, input })
  await openai.responses.cancel(begun.id)
  const previous_response_id = asked.id
  const answered = await openai.responses.create({ previous_response_id, input: answersTo(asked) })
  assert.equal(answered.output_text, 'Seen.')
  const next = { ...ask({ tool_calls: [look] }), previous_response_id: answered.id }
  const waiting = await openai.responses.create(next)
  await openai.responses.cancel(begun.id)
  const cancelled = () => loggedIn(sessionOf(asked), 'turn.cancelled')
  await openai.responses.cancel(asked.id)
  assert.equal((await cancelled()).length, 0)
  await openai.responses.cancel(waiting.id)
  assert.equal((await cancelled()).length, 1)
})

test('a conversation has no output of a call that was denied or cancelled before it ran', async () => {
  const { id: conversation } = await openai.conversations.create()
  const calls = [write, { ...write, id: 'call_other' }]
  const about = { ...ask({ tool_calls: calls }, { text: 'Denied.' }), conversation }
  const asked = await openai.responses.create(about)
  const denials = asked.output.flatMap((item) =>
    item.type === 'mcp_approval_request'
      ? [{ type: 'mcp_approval_response' as const, approval_request_id: item.id, approve: false }]
      : [],
  )
  const denied = await openai.responses.create({ model, conversation, input: denials })
  assert.equal(denied.output_text, 'Denied.')
  await openai.responses.create({ ...ask({ tool_calls: [write] }), conversation })
  await openai.responses.create({ ...ask({ text: 'Cancelled.' }), conversation })
  const { data } = await openai.conversations.items.list(conversation, { order: 'asc' })
  const [request, answer] = ['mcp_approval_request', 'mcp_approval_response']
  assert.deepEqual(
    data.map(({ type }) => type),
    [
      ...['message', request, request, answer, answer, 'message'],
      ...['message', request, 'message', 'message'],
    ],
  )
  const { data: began } = await openai.responses.inputItems.list(denied.id)
  assert.deepEqual(
    began.map(({ type }) => type),
    [answer, answer],
  )
})
