/** Conversations whose earlier messages a vendor would refuse as they are stored. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addBudget, ledgerOf } from '../../apps/server/test/budgets.ts'
import { dataOf } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { redImage } from './image.ts'
import { playReplies, talkToPlayer } from './recorded.ts'
import { callsIn } from './suite.ts'
import { addModel, serverOfFile } from './talk.ts'
import { wires, wireTypes } from './wires/index.ts'
import type { Body } from './wires/wire.ts'

const server = serverOfFile()
const low = { controls: { reasoning: { effort: 'low' } } }

for (const type of wireTypes) {
  test(`${type}: a reply of thinking only is left out of the next request`, async (t) => {
    const thoughts = { thinking: 'I could not finish this.', signature: 'c2lnbmVk' }
    const takes = [{ pieces: [thoughts], cutShort: true }, {}]
    const { say, player } = await talkToPlayer(t, server(), { type, takes })
    const { events } = await say('Hello', low)
    assert.equal(dataOf(events, 'output.message.completed').message.thinking, thoughts.thinking)
    await say('And now?', low)
    assert.deepEqual(wires[type].said(player.bodies()[1]), [])
  })

  test(`${type}: a text without a visible character is not sent`, async (t) => {
    const { say, player } = await talkToPlayer(t, server(), { type, takes: [{}] })
    await say([{ type: 'text', text: ' \n' }])
    await say([
      { type: 'text', text: '' },
      { type: 'image', base64: redImage, media_type: 'image/png' },
    ])
    const [first, second] = player.bodies()
    assert.match(JSON.stringify(wires[type].newest(first)), /\(empty message\)/)
    assert.equal(wires[type].newest(second).length, 1)
  })
}

test('signatures are not sent to the same model of another provider', async (t) => {
  for (const type of wireTypes) {
    const takes = [{ pieces: wires[type].signed }, {}]
    const { say } = await talkToPlayer(t, server(), { type, takes })
    await say('Two sums, please')
    const other = await playReplies(t, type, [{}])
    const { base_url } = other
    const same = await addModel(server(), type, { base_url, model_id: wires[type].model })
    await say('And there?', { controls: { model_id: same.id } })
    const sent = wires[type].said(other.bodies()[0])
    assert.deepEqual(sent, [...wires[type].unsigned, { text: 'Done.' }], type)
  }
})

test('ids of calls that another vendor would refuse are replaced in a request', async (t) => {
  const call = { call: 'functions.add:0', name: 'add', input: { a: 1, b: 2 } }
  const takes = [{ pieces: [call] }, {}]
  const { say, player } = await talkToPlayer(t, server(), { type: 'openai_completions', takes })
  const { events } = await say('One sum, please')
  assert.equal(callsIn(events)[0]!.id, call.call)
  assert.deepEqual(wires.openai_completions.results(player.bodies()[1]), [call.call])
  for (const type of ['anthropic', 'openai'] as const) {
    const other = await playReplies(t, type, [{}])
    const { base_url } = other
    const model = await addModel(server(), type, { base_url, model_id: wires[type].model })
    await say('And there?', { controls: { model_id: model.id } })
    const [body] = other.bodies()
    const [called] = wires[type].said(body) as Body[]
    assert.match(called.call, /^[a-zA-Z0-9_-]{1,64}$/)
    assert.deepEqual(wires[type].results(body), [called.call])
  }
})

/** A conversation fills 1 % of the context: after two of these long messages there is no room. */
const narrow = serverOfFile({ CONTEXT_PERCENT: '1', CONTEXT_TOKENS_UNKNOWN: '200000' })
const longMessages = [
  { type: 'openai', words: 980, room: ({ max_output_tokens }: Body) => max_output_tokens },
  { type: 'azure_openai', words: 720, room: () => Number.POSITIVE_INFINITY },
  { type: 'anthropic', words: 490, room: ({ max_tokens }: Body) => max_tokens },
] as const

for (const { type, words, room } of longMessages) {
  test(`${type}: a summary is not stored, has room for thinking, and is repeated if cut off`, async (t) => {
    const summary = 'Notes of it.'
    const cut = { pieces: [{ text: 'Half of it' }], cutShort: true }
    const takes = [{}, {}, cut, { pieces: [{ text: summary }] }, {}]
    const fields = { capabilities: [] }
    const { say, player } = await talkToPlayer(t, narrow(), { type, takes, fields })
    for (const _ of [1, 2]) await say('word '.repeat(words))
    const { events } = await say('word '.repeat(words))
    assert.equal(dataOf(events, 'context.compacted').summary, summary)
    const [, , first, second] = player.bodies()
    assert.deepEqual(second, first)
    assert.equal(first.store, type === 'anthropic' ? undefined : false)
    assert.ok(!JSON.stringify(first).includes('cache_control'))
    assert.ok(room(first) > 8_192, 'models count thinking as output')
  })
}

/** Has a turn in which the client answers `call_1`; returns its events. */
async function turnedBy({ session, say }: Awaited<ReturnType<typeof talkToPlayer>>) {
  const said = say('Turn it.')
  const path = `/v1/sessions/${session.id}/tool-results`
  const tool_results = [{ tool_call_id: 'call_1', result: 'Turned.' }]
  await eventually(async () => (await server().call('POST', path, { tool_results })).status === 200)
  return (await said).events
}

test('Google gets names of tools that it accepts, and calls the tools by them', async (t) => {
  const tool = { type: 'client_side', name: '3d-view', description: 'Turns the view.' }
  const takes = [{ pieces: [{ call: 'call_1', name: '_3d-view', input: {} }] }, {}]
  const fields = { tools: [tool], capabilities: [] }
  const talk = await talkToPlayer(t, server(), { type: 'google', takes, fields })
  const events = await turnedBy(talk)
  const [call] = callsIn(events)
  assert.deepEqual([call!.name, call!.arguments], ['3d-view', {}])
  const [first, second] = talk.player.bodies()
  assert.equal(first.tools[0].functionDeclarations[0].name, '_3d-view')
  assert.doesNotMatch(JSON.stringify(second), /"3d-view"/)
  assert.ok(dataOf(events, 'turn.completed'))
})

test('names of tools for Google are unique and have at most 64 characters', async (t) => {
  const names = ['3d', '_3d', '7'.repeat(64)]
  const tools = names.map((name) => ({ type: 'client_side', name, description: 'Turns the view.' }))
  const takes = [{ pieces: [{ call: 'call_1', name: '_2_3d', input: {} }] }, {}]
  const fields = { tools, capabilities: [] }
  const talk = await talkToPlayer(t, server(), { type: 'google', takes, fields })
  const events = await turnedBy(talk)
  assert.equal(callsIn(events)[0]!.name, '3d')
  const [{ functionDeclarations }] = talk.player.bodies()[0].tools
  const given = functionDeclarations.map(({ name }: Body) => name)
  assert.deepEqual(given, ['_2_3d', '_3d', `_${'7'.repeat(63)}`])
  assert.ok(dataOf(events, 'turn.completed'))
})

test('a call reserves the signed thinking that is sent back with it', async (t) => {
  const usage = { input: 30_000, output: 20_000 }
  const takes = [{ pieces: wires.anthropic.signed, usage }, {}]
  const { say, agent } = await talkToPlayer(t, server(), { type: 'anthropic', takes })
  const budget = await addBudget(server(), { subject: ['agent', agent.id], limit: 10_000_000 })
  await say('Two sums, please', { controls: { max_output_tokens: 100 } })
  const [, later, ...more] = (await ledgerOf(server(), budget)).map((entry) => entry.reserved!)
  assert.ok(later! > 50_100 && later! < 51_000, `${later} reserved`)
  assert.deepEqual(more, [])
})
