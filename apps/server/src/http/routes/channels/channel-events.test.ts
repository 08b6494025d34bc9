import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Event } from '@outlast/contract'
import { expectStatus } from '../../../../test/access.ts'
import { openChannel } from '../../../../test/channel.ts'
import { beforeAll } from '../../../../test/hooks.ts'
import { addVendorModel, startVendor } from '../../../../test/remotes/vendor.ts'
import { startServer } from '../../../../test/server.ts'
import { eventsOf, type ScriptStep, scripted } from '../../../../test/session.ts'
import { eventually } from '../../../../test/waiting.ts'

let server: Awaited<ReturnType<typeof startServer>>

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
})

const agent = {
  capabilities: [
    { ref: 'session_file_system', config: { requires_approval: ['write_file'] } },
    { ref: 'test_math' },
  ],
}

const add = { id: 'call_add', name: 'add', arguments: { a: 2, b: 3 } }
const write = { id: 'call_write', name: 'write_file', arguments: { path: '/a', content: 'secret' } }

/** Runs a turn through a channel and returns what the caller sees, stored and live. */
async function converse(
  t: TestContext,
  config: object,
  steps: ScriptStep[],
  until = 'turn.completed',
) {
  const channel = await openChannel(server, { config, agent })
  const id = await channel.create()
  const stream = await channel.follow(t, id)
  expectStatus(await channel.say(id, scripted(...steps)), 201)
  await stream.event(until)
  const live = [...stream.events]
  const stored = await channel.events(id)
  return { channel, id, stream, live, stored }
}

const isDelta = ({ type }: Event) => type.endsWith('.delta')
const of = (events: Event[], type: string) => events.filter((event) => event.type === type)

const steps: ScriptStep[] = [
  { thinking: 'Hm.', text: 'Let me add.', tool_calls: [add] },
  { text: 'It is 5.' },
]

test('under `messages` callers see texts and states of turns, and no trace of tools', async (t) => {
  const { live, stored } = await converse(t, { visibility: 'messages' }, steps)
  const types = stored.map(({ type }) => type)
  assert.deepEqual(types, [
    'input.message',
    'turn.started',
    'output.message.completed',
    'output.message.completed',
    'turn.completed',
  ])
  assert.deepEqual(
    live.filter((event) => !isDelta(event)),
    stored,
  )
  for (const { data } of of(stored, 'output.message.completed')) {
    const { message, ...rest } = data as { message: object }
    assert.deepEqual(rest, {})
    assert.deepEqual(Object.keys(message).sort(), ['content', 'id', 'role'])
  }
  // The message of the caller is the script itself.
  for (const event of [...live, ...stored].filter(({ type }) => type !== 'input.message')) {
    assert.doesNotMatch(JSON.stringify(event), /call_add|"add"|Hm\.|"tags"|"metadata"|usage/)
    if (event.type.startsWith('turn.')) assert.deepEqual(Object.keys(event.data), ['turn_id'])
  }
})

test('text is streamed as it is written, under every visibility; thinking only under `full`', async (t) => {
  // Written more slowly than any client reads, and cancelled.
  const endless = Array.from({ length: 5_000 }, (_, n) => `word${n}`).join(' ')
  const begin = async (visibility: string, step: ScriptStep, until: string) => {
    const channel = await openChannel(server, { config: { visibility }, agent })
    const id = await channel.create()
    const stream = await channel.follow(t, id)
    const script = scripted({ ...step, tokens_per_second: 20 })
    expectStatus(await channel.say(id, script), 201)
    await stream.event(until)
    const live = [...stream.events]
    await server.call('POST', `/v1/sessions/${id}/cancel`)
    return live
  }
  for (const visibility of ['messages', 'activity', 'full']) {
    const step = { thinking: 'Hm.', text: endless }
    const live = await begin(visibility, step, 'output.message.delta')
    const deltas = of(live, 'output.message.delta').map(
      ({ data }) => (data as { delta: string }).delta,
    )
    assert.ok(endless.startsWith(deltas.join('')), deltas.join(''))
    if (visibility !== 'full') assert.deepEqual(of(live, 'reason.thinking.delta'), [])
  }
  const live = await begin('full', { thinking: endless }, 'reason.thinking.delta')
  assert.deepEqual(of(live, 'output.message.delta'), [])
})

test('under `activity` callers also see that a tool runs, without its name', async (t) => {
  const config = { tool_activity_text: 'Calculating' }
  const { live, stored } = await converse(t, config, steps)
  assert.deepEqual(
    live.filter((event) => !isDelta(event)),
    stored,
  )
  const [started] = of(stored, 'tool.started')
  assert.deepEqual(started!.data, { tool_call_id: 'call_add', activity: 'Calculating' })
  const [completed] = of(stored, 'tool.completed')
  assert.deepEqual(completed!.data, { tool_call_id: 'call_add', success: true })
  assert.doesNotMatch(JSON.stringify(stored), /"add"|"result"/)
})

test('under `full` callers see all events as stored', async (t) => {
  const { id, live, stored } = await converse(t, { visibility: 'full' }, steps)
  const all = await eventsOf(server, id)
  assert.deepEqual(stored, all.slice(0, stored.length))
  const seen = live.filter((event) => !isDelta(event))
  assert.deepEqual(seen, all.slice(0, seen.length))
  assert.ok(of(seen, 'llm.generation').length > 0)
})

test('events are listed in pages, which hidden events do not end', async (t) => {
  const { channel, id, stored } = await converse(t, { visibility: 'messages' }, [
    { tool_calls: [add] },
    { tool_calls: [{ ...add, id: 'call_2' }] },
    { text: 'Done.' },
  ])
  const found: Event[] = []
  for (;;) {
    const after = found.at(-1)?.sequence ?? 0
    const page = await channel.events(id, `?limit=1&after_sequence=${after}`)
    if (page.length === 0) break
    assert.equal(page.length, 1)
    found.push(...page)
  }
  assert.deepEqual(found, stored)
  for (const query of ['limit=0', 'limit=501', 'limit=x', 'after_sequence=-1']) {
    const refused = await channel.call('GET', `/sessions/${id}/events?${query}`)
    expectStatus(refused, 400, 'invalid_request')
  }
})

test('a stream resumes after any event, and inside a reply', async (t) => {
  const { channel, id, live } = await eventually(async () => {
    const found = await converse(t, { visibility: 'messages' }, steps)
    // A reply may be stored before a slow stream shows a part of it.
    return of(found.live, 'output.message.delta').length > 1 ? found : undefined
  })
  const middle = of(live, 'output.message.delta')[1]!
  for (const event of [live[0]!, middle]) {
    const rest = await channel.follow(t, id, `?since_id=${event.id}`)
    await rest.event('turn.completed')
    const expected = live.slice(live.indexOf(event) + 1)
    assert.deepEqual(
      rest.events.filter((one) => !isDelta(one)),
      expected.filter((one) => !isDelta(one)),
    )
    rest.close()
  }
  const other = await channel.create()
  const foreign = await channel.call('GET', `/sessions/${other}/sse?since_id=${middle.id}`)
  expectStatus(foreign, 400, 'unknown_event_id')
})

const vendorText = 'Quota of project walrus-17 exceeded'

/** A session whose model is refused by its provider. */
async function failing(t: TestContext, config: object, status = 429) {
  const vendor = await startVendor(t, () => ({
    status,
    body: JSON.stringify({ error: { message: vendorText } }),
  }))
  const own = await startServer(t)
  const model = await addVendorModel(own, vendor)
  const channel = await openChannel(own, {
    config,
    agent: { ...agent, default_model_id: model.id },
  })
  return { own, channel }
}

test('a `full` channel with public errors shows no words of a provider', async (t) => {
  const { own, channel } = await failing(t, { visibility: 'full' }, 400)
  const id = await channel.create()
  const stream = await channel.follow(t, id)
  expectStatus(await channel.say(id, 'Hello'), 201)
  const failed = await stream.event('turn.failed')
  const { error, error_code } = failed.data as { error: string; error_code: string }
  assert.equal(error_code, 'internal_error')
  assert.equal(error, 'The agent could not complete the request.')
  const seen = JSON.stringify([stream.events, await channel.events(id)])
  assert.doesNotMatch(seen, /walrus|provider rejected|provider refused|llm_/)
  assert.match(JSON.stringify(await eventsOf(own, id)), /walrus/)
})

test('detailed errors are for keys only: end users get public ones', async (t) => {
  for (const visibility of ['messages', 'full']) {
    const { channel } = await failing(t, { visibility, errors: 'detailed' }, 401)
    const failureOf = async (caller: Pick<typeof channel, 'create' | 'follow' | 'say'>) => {
      const id = await caller.create()
      const stream = await caller.follow(t, id)
      expectStatus(await caller.say(id, 'Hello'), 201)
      const { data } = await stream.event('turn.failed')
      return {
        code: (data as { error_code: string }).error_code,
        text: JSON.stringify(stream.events),
      }
    }
    const ofKey = await failureOf(channel)
    assert.equal(ofKey.code, 'llm_bad_key')
    const ofUser = await failureOf(channel.as('ada'))
    assert.equal(ofUser.code, 'internal_error')
    assert.doesNotMatch(ofUser.text, /llm_bad_key|API key|walrus/)
  }
})

test('a call that waits for approval is shown with its arguments only to callers who decide', async (t) => {
  for (const tool_approvals of ['operator', 'caller'] as const) {
    for (const visibility of ['messages', 'activity', 'full']) {
      const config = { tool_approvals, visibility }
      const waiting = [{ tool_calls: [write] }, { text: 'Written.' }]
      const found = await converse(t, config, waiting, 'tool.call_requested')
      const [event] = of(found.stored, 'tool.call_requested')
      const { pending_approvals } = event!.data as unknown as { pending_approvals: object[] }
      const decides = tool_approvals === 'caller'
      const { expires_at, ...shown } = pending_approvals[0] as Record<string, unknown>
      const about = { tool_name: 'write_file', arguments: write.arguments }
      assert.deepEqual(shown, {
        tool_call_id: 'call_write',
        answerable: decides,
        ...(decides && about),
      })
      assert.ok(Date.parse(String(expires_at)) > Date.now())
      // The event is stored before the turn is parked.
      const path = `/sessions/${found.id}`
      const waits = async () =>
        expectStatus(await found.channel.call('GET', path), 200).pending_approvals
      assert.deepEqual(await eventually(waits), pending_approvals)
    }
  }
})
