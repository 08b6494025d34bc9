/** Session tokens: each grant allows one thing, and the rest is refused. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Event } from '@outlast/contract'
import {
  callerWith,
  createKey,
  expectStatus,
  registerPerson,
  startGuarded,
} from '../../../test/access.ts'
import { withCallHook } from '../../../test/processes/own-code.ts'
import { addVendorModel, startVendor } from '../../../test/remotes/vendor.ts'
import { insistent, type ServerOptions } from '../../../test/server.ts'
import { createAgent, createSession, eventsOf, post, scripted } from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { eventually } from '../../../test/waiting.ts'

const secret = 'TOP-SECRET-CRM-TOKEN'

async function startWithKey(t: TestContext, options: ServerOptions = {}) {
  const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.1@*' }
  const server = await startGuarded(t, { env, ...options })
  const person = await registerPerson(server)
  const { key, call } = await createKey(server, person)
  return { server, person, key, mine: { url: server.url, call } }
}

type Mine = Awaited<ReturnType<typeof startWithKey>>['mine']

/** A token for a session, and how an end user calls with it. */
async function tokenFor(mine: Mine, sessionId: string, body: object = {}) {
  const made = await mine.call('POST', `/v1/sessions/${sessionId}/tokens`, {
    access: 'write',
    ...body,
  })
  const { token } = expectStatus(made, 201)
  return { token: token as string, call: callerWith(mine.url, `Bearer ${token}`), url: mine.url }
}

type EndUser = Awaited<ReturnType<typeof tokenFor>>

/** Posts as a person, and waits until the session is idle again. */
async function turn(
  t: TestContext,
  by: Mine | EndUser,
  about: { id: string; key: string },
  text: string,
) {
  const stream = await follow(t, by.url, {
    sessionId: about.id,
    headers: { authorization: about.key },
  })
  expectStatus(await post(by, about.id, text), 201)
  await stream.event('session.idled')
  stream.close()
  return stream.events
}

/** All that a token shows of a session: replayed, listed, as messages, as the session itself. */
async function allSeen(t: TestContext, { call, url, token }: EndUser, sessionId: string) {
  const path = `/v1/sessions/${sessionId}`
  const stream = await follow(t, url, { sessionId, query: `?access_token=${token}` })
  await stream.event('session.idled')
  stream.close()
  const answers = await Promise.all(
    ['', '/events', '/events?expand=messages', '/messages', '/why'].map((what) =>
      call('GET', path + what),
    ),
  )
  const bodies = answers.map((answer) => expectStatus(answer, 200))
  return {
    replayed: stream.events,
    listed: bodies[1].data as Event[],
    text: JSON.stringify([stream.frames, bodies]),
  }
}

test('refuses a token that chooses the simulated model to script the tools of an agent', async (t) => {
  const { server, key, mine } = await startWithKey(t)
  const steps = [
    { calls: [{ name: 'set_secret', arguments: { name: 'crm', value: secret } }] },
    { text: 'Stored.' },
    { text: 'I do not tell.' },
  ]
  const vendor = await startVendor(t, ({ number }) => steps[number - 1]!)
  const model = await addVendorModel(mine, vendor)
  const agent = await createAgent(mine, {
    default_model_id: model.id,
    capabilities: [{ ref: 'session_storage' }, { ref: 'virtual_bash' }],
  })
  const { id } = await createSession(mine, { agent_id: agent.id })
  await turn(t, mine, { id, key }, 'Store the secret.')

  const user = await tokenFor(mine, id)
  const script = scripted(
    {
      tool_calls: [
        { name: 'get_secret', arguments: { name: 'crm' } },
        { name: 'bash', arguments: { command: 'echo owned > /tmp/owned' } },
      ],
    },
    { text: 'Done.' },
  )
  const simulated = expectStatus(await mine.call('GET', '/v1/llm-providers'), 200).data.find(
    ({ provider_type }: { provider_type: string }) => provider_type === 'llmsim',
  )
  const models = `/v1/llm-providers/${simulated.id}/models`
  const { data } = expectStatus(await mine.call('GET', models), 200)
  const wellKnown = 'model_01933b5a000070008000000000000401'
  for (const model_id of [wellKnown, model.id, ...data.map((one: { id: string }) => one.id)]) {
    const refused = await post(user, id, script, { controls: { model_id } })
    expectStatus(refused, 403, 'not_granted')
  }
  const effort = { controls: { reasoning: { effort: 'high' } } }
  expectStatus(await post(user, id, script, effort), 403, 'not_granted')
  const allowed = { controls: { model_id: null, max_output_tokens: 100 } }
  expectStatus(await post(user, id, 'Hello', allowed), 201)
  await eventually(async () => vendor.requests.length === 3)
  await follow(t, server.url, { sessionId: id, headers: { authorization: key } }).then(
    async (stream) => {
      await stream.event('session.idled', 2)
      stream.close()
    },
  )
  const events = await eventsOf(mine, id)
  const ran = events.filter((event) => event.type === 'tool.started')
  assert.deepEqual(
    ran.map((event) => event.data.tool_call.name),
    ['set_secret'],
  )
  assert.ok(!(await allSeen(t, user, id)).text.includes(secret))
})

test('a token sees neither the reasons of hooks nor the hashes of prompts and tools', async (t) => {
  const project = withCallHook(() => ({ deny: secret }))
  const { key, mine } = await startWithKey(t, { project })
  const agent = await createAgent(mine, { capabilities: [{ ref: 'test_math' }] })
  const { id } = await createSession(mine, { agent_id: agent.id })
  const calls = [{ name: 'add', arguments: { a: 1, b: 2 } }]
  await turn(t, mine, { id, key }, scripted({ tool_calls: calls }, { text: 'Denied.' }))
  const all = JSON.stringify(await eventsOf(mine, id))
  for (const hidden of [secret, 'prompt_hash', 'tools_hash', '"hook"']) {
    assert.ok(all.includes(hidden))
  }
  const { text } = await allSeen(t, await tokenFor(mine, id), id)
  for (const hidden of [secret, '_hash', 'hook']) assert.ok(!text.includes(hidden), hidden)
})

test('lets a token choose the models that it was granted, with an effort', async (t) => {
  const { key, mine } = await startWithKey(t)
  const vendor = await startVendor(t, () => ({ text: 'Yes.' }))
  const model = await addVendorModel(mine, vendor)
  const { id } = await createSession(mine)
  const user = await tokenFor(mine, id, { models: [model.id] })
  const controls = { model_id: model.id, reasoning: { effort: 'high' } }
  expectStatus(await post(user, id, 'Hello', { controls }), 201)
  const stream = await follow(t, mine.url, { sessionId: id, headers: { authorization: key } })
  await stream.event('session.idled')
  stream.close()
  assert.equal(vendor.requests[0]!.body.model, 'a-model')
  const { reasoning } = controls
  expectStatus(await post(user, id, 'Hello', { controls: { reasoning } }), 403, 'not_granted')
})

test('refuses grants that name no model of the organization, or that a reader cannot use', async (t) => {
  const { mine } = await startWithKey(t)
  const { id } = await createSession(mine)
  const unknown = `model_${'0'.repeat(32)}`
  const make = (body: object) => mine.call('POST', `/v1/sessions/${id}/tokens`, body)
  const named = await make({ access: 'write', models: [unknown] })
  expectStatus(named, 400, 'model_unavailable')
  for (const grant of [{ models: [unknown] }, { tool_results: ['a'] }, { files: 'write' }]) {
    expectStatus(await make({ access: 'read', ...grant }), 400, 'invalid_request')
  }
  for (const wrong of [{ view: 'all' }, { files: 'all' }, { tool_results: ['no name'] }]) {
    expectStatus(await make({ access: 'write', ...wrong }), 400, 'invalid_request')
  }
})

const reply = {
  thinking: 'The hidden thinking.',
  text: 'Let me see.',
  tool_calls: [{ name: 'set_value', arguments: { key: 'k', value: 'the hidden argument' } }],
}
const hidden = /hidden (thinking|argument)/

test('shows a token the conversation without thinking, arguments and results of tools', async (t) => {
  const { server, key, mine } = await startWithKey(t)
  const get = { tool_calls: [{ name: 'get_value', arguments: { key: 'k' } }] }
  // The script is in the agent's prompt, which no token sees.
  const agent = await createAgent(mine, {
    capabilities: [{ ref: 'session_storage' }],
    system_prompt: scripted(reply, get, { text: 'All done.' }),
  })
  const { id } = await createSession(mine, { agent_id: agent.id })
  const chat = await tokenFor(mine, id)
  const live = await follow(t, server.url, {
    sessionId: id,
    query: `?access_token=${chat.token}`,
  })
  const whole = await turn(t, mine, { id, key }, 'Hello')
  await live.event('session.idled')
  live.close()
  assert.match(JSON.stringify(whole), hidden)
  assert.doesNotMatch(JSON.stringify(live.frames), hidden)

  const seen = await allSeen(t, chat, id)
  assert.doesNotMatch(seen.text, hidden)
  const stored = live.events.filter(({ sequence }) => sequence !== undefined)
  assert.deepEqual(stored, seen.listed)
  assert.deepEqual(
    seen.replayed.filter(({ sequence }) => sequence !== undefined),
    seen.listed,
  )
  const types = new Set(seen.listed.map(({ type }) => type))
  for (const type of ['output.message.completed', 'tool.started', 'tool.completed']) {
    assert.ok(types.has(type as Event['type']), type)
  }
  for (const type of ['llm.generation', 'reason.thinking.completed', 'files.changed']) {
    assert.ok(!types.has(type as Event['type']), type)
  }
  const named = seen.listed.flatMap((event) =>
    event.type === 'tool.completed' ? [event.data.tool_name, event.data.status] : [],
  )
  assert.deepEqual(named, ['set_value', 'success', 'get_value', 'success'])
  const query = '?types=reason.thinking.completed&types=llm.generation'
  const asked = await chat.call('GET', `/v1/sessions/${id}/events${query}`)
  assert.deepEqual(expectStatus(asked, 200).data, [])

  const full = await tokenFor(mine, id, { view: 'full' })
  const everything = await allSeen(t, full, id)
  assert.match(everything.text, /hidden thinking/)
  assert.match(everything.text, /hidden argument/)
  assert.ok(!everything.text.includes('llm.generation'))
  assert.ok(!everything.text.includes('llmsim-script'))
})

const tool = (name: string) => ({ type: 'client_side', name, description: name })

test('refuses a result for a tool that the token was not granted, and records the sender', async (t) => {
  const { key, mine } = await startWithKey(t)
  const agent = await createAgent(mine, { tools: [tool('refund_order'), tool('pick_colour')] })
  const { id } = await createSession(mine, { agent_id: agent.id })
  const path = `/v1/sessions/${id}`
  const call = (name: string) => ({ id: `call_${name}`, name, arguments: { of: name } })
  const calls = { tool_calls: [call('refund_order'), call('pick_colour')] }
  const plain = await tokenFor(mine, id)
  const user = await tokenFor(mine, id, { tool_results: ['pick_colour'] })
  const stream = await follow(t, mine.url, { sessionId: id, headers: { authorization: key } })
  const posted = await post(mine, id, scripted(calls, { text: 'Done.' }))
  expectStatus(posted, 201)
  await stream.event('tool.call_requested')
  await eventually(async () => (await mine.call('GET', path)).body.waiting_for)

  const result = (name: string) => ({ tool_call_id: `call_${name}`, result: 'forged' })
  const answers = (names: string[]): [string, object][] => [
    ['tool-results', { tool_results: names.map(result) }],
    [
      'messages',
      {
        message: {
          role: 'tool_result',
          content: names.map((name) => ({ type: 'tool_result', ...result(name) })),
        },
      },
    ],
  ]
  for (const [door, body] of answers(['refund_order'])) {
    expectStatus(await plain.call('POST', `${path}/${door}`, body), 403, 'not_granted')
    expectStatus(await user.call('POST', `${path}/${door}`, body), 403, 'not_granted')
  }
  for (const [door, body] of answers(['pick_colour', 'refund_order'])) {
    expectStatus(await user.call('POST', `${path}/${door}`, body), 403, 'not_granted')
  }
  const requested = await user.call('GET', `${path}/events?types=tool.call_requested`)
  assert.deepEqual(expectStatus(requested, 200).data[0].data.tool_calls, [call('pick_colour')])
  const unseen = await plain.call('GET', `${path}/events?types=tool.call_requested`)
  assert.deepEqual(expectStatus(unseen, 200).data[0].data.tool_calls, [])

  const [own] = answers(['pick_colour'])
  expectStatus(await user.call('POST', `${path}/tool-results`, own![1]), 200)
  const [operators] = answers(['refund_order'])
  expectStatus(await mine.call('POST', `${path}/tool-results`, operators![1]), 200)
  await stream.event('session.idled')
  stream.close()
  const by = stream.events.flatMap((event) =>
    event.type === 'tool.completed' ? [[event.data.tool_name, event.data.answered_by?.kind]] : [],
  )
  assert.deepEqual(by, [
    ['pick_colour', 'token'],
    ['refund_order', 'key'],
  ])
})

test('keeps the files of a session from tokens that were not granted them', async (t) => {
  const { mine } = await startWithKey(t)
  const { id } = await createSession(mine)
  const fs = `/v1/sessions/${id}/fs`
  expectStatus(await mine.call('POST', `${fs}/a.txt`, { content: 'A' }), 201)
  const tries: ['read' | 'write', string, string, object?][] = [
    ['read', 'GET', fs],
    ['read', 'GET', `${fs}/a.txt`],
    ['read', 'POST', `${fs}/_/stat`, { path: '/a.txt' }],
    ['read', 'POST', `${fs}/_/grep`, { pattern: 'A' }],
    ['write', 'POST', `${fs}/b.txt`, { content: 'B' }],
    ['write', 'PUT', `${fs}/b.txt`, { content: 'C' }],
    ['write', 'POST', `${fs}/_/copy`, { src_path: '/b.txt', dst_path: '/c.txt' }],
    ['write', 'POST', `${fs}/_/move`, { src_path: '/c.txt', dst_path: '/d.txt' }],
    ['write', 'DELETE', `${fs}/d.txt`],
  ]
  for (const files of ['none', 'read', 'write'] as const) {
    const user = await tokenFor(mine, id, { files })
    const call = insistent(user.call)
    for (const [needs, method, path, body] of tries) {
      const answer = await call(method, path, body)
      const isGranted = files === 'write' || files === needs
      assert.equal(answer.status < 300, isGranted, `${files}: ${method} ${path}`)
      if (!isGranted) expectStatus(answer, 403, 'not_granted')
    }
    const { data } = expectStatus(await user.call('GET', `/v1/sessions/${id}/events`), 200)
    const changes = data.filter(({ type }: Event) => type === 'files.changed')
    assert.equal(changes.length > 0, files !== 'none')
  }
})
