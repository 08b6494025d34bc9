/** Conversations whose earlier messages a vendor would refuse as they are stored. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataOf } from '../../apps/server/test/session.ts'
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
