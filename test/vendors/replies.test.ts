import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { dataOf, replyOf } from '../../apps/server/test/session.ts'
import { talkToPlayer } from './recorded.ts'
import { callsIn } from './suite.ts'
import { addModelOf, repliesIn, serverOfFile } from './talk.ts'
import { wires, wireTypes } from './wires/index.ts'
import type { Piece } from './wires/wire.ts'

const server = serverOfFile()

for (const type of wireTypes) {
  const { signed, unsigned, said, results } = wires[type]

  describe(`every part of a reply of ${type}`, () => {
    test('text and thinking arrive in pieces, and the pieces are stored', async (t) => {
      const whole = Promise.withResolvers<void>()
      const thinking = 'I should greet whoever this is, with a smile 😀.'
      const text = 'Good evening, dear reader, and 😀 welcome to the rest of this.'
      const pieces = [{ thinking, signature: 'c2lnbmVk' }, { text }]
      const takes = [{ pieces, endsAfter: whole.promise }]
      const { say } = await talkToPlayer(t, server(), { type, takes })
      const told = await say('Hello', {
        controls: { reasoning: { effort: 'low' } },
        onEvent(event) {
          if (event.type !== 'output.message.delta') return
          if (event.data.accumulated === text) whole.resolve()
        },
      })
      const { events } = told
      assert.equal(replyOf(events), text)
      assert.equal(told.text, text)
      const [message] = repliesIn(events)
      assert.equal(message!.thinking, thinking)
      assert.equal(told.thoughts, thinking)
      assert.ok(dataOf(events, 'reason.thinking.started').model)
      assert.equal(dataOf(events, 'reason.thinking.completed').thinking, thinking)
      assert.equal(message!.metadata!.reasoning_effort, 'low')
    })

    test("stores the reply's id, finish reason, tokens and cached tokens", async (t) => {
      const usage = { input: 1_000, output: 20, cacheRead: 600, cacheWrite: 300 }
      const takes = [{ id: 'reply_of_a_vendor', usage, cutShort: true }]
      const { say } = await talkToPlayer(t, server(), { type, takes })
      const { events } = await say('Hello')
      const { metadata } = dataOf(events, 'llm.generation')
      assert.equal(metadata.response_id, 'reply_of_a_vendor')
      assert.deepEqual(metadata.finish_reasons, ['length'])
      assert.ok(metadata.time_to_first_token_ms! <= metadata.duration_ms!)
      const { cost_usd, estimated_cost_usd, ...tokens } = metadata.usage!
      assert.equal(estimated_cost_usd, cost_usd)
      const written = type === 'anthropic' && { cache_creation_tokens: 300 }
      const expected = { input_tokens: 1_000, output_tokens: 20, cache_read_tokens: 600 }
      assert.deepEqual(tokens, { ...expected, ...written })
      assert.deepEqual(dataOf(events, 'turn.completed').usage, metadata.usage)
    })

    test('parallel calls run, and their results are directly after them in the next request', async (t) => {
      const { say, player } = await talkToPlayer(t, server(), {
        type,
        takes: [{ pieces: signed }, {}],
      })
      const { events } = await say('Two sums, please')
      const calls = callsIn(events)
      assert.deepEqual(
        calls.map(({ name, arguments: input }) => ({ name, input })),
        [
          { name: 'multiply', input: { a: 6, b: 7 } },
          { name: 'add', input: { a: 1, b: 2 } },
        ],
      )
      const ids = calls.map(({ id }) => id)
      assert.equal(new Set(ids).size, 2)
      assert.deepEqual(results(player.bodies()[1]), ids)
      assert.equal(replyOf(events), 'Done.')
      assert.deepEqual(dataOf(events, 'llm.generation').metadata.finish_reasons, ['tool_calls'])
      assert.deepEqual(dataOf(events, 'llm.generation', 2).metadata.finish_reasons, ['stop'])
    })

    test('signatures are sent back unchanged, in order, turn after turn', async (t) => {
      const { say, player } = await talkToPlayer(t, server(), {
        type,
        takes: [{ pieces: signed }, {}],
      })
      const { events } = await say('Two sums, please')
      assert.ok(repliesIn(events)[0]!.thinking_signature)
      await say('And now?')
      const [, second, third] = player.bodies()
      assert.deepEqual(said(second), signed)
      assert.deepEqual(said(third), [...signed, { text: 'Done.' }])
    })

    test('signatures are not sent to another model or another provider', async (t) => {
      const { say, player, model } = await talkToPlayer(t, server(), {
        type,
        takes: [{ pieces: signed }, {}],
      })
      await say('Two sums, please')
      const other = await addModelOf(server(), model.provider_id, `${wires[type].model}-other`)
      await say('And now?', { controls: { model_id: other.id } })
      const after = [...unsigned, { text: 'Done.' }]
      assert.deepEqual(said(player.bodies()[2]), after)
      await say('And back?', { controls: { model_id: model.id } })
      assert.deepEqual(said(player.bodies()[3]), [...signed, { text: 'Done.' }, { text: 'Done.' }])
      const foreign = type === 'anthropic' ? 'openai' : 'anthropic'
      const elsewhere = await talkToPlayer(t, server(), { type: foreign, takes: [{}] })
      await say('And there?', { controls: { model_id: elsewhere.model.id } })
      const sent = wires[foreign].said(elsewhere.player.bodies()[0])
      assert.deepEqual(sent.slice(0, after.length), after.map(withoutSignature))
    })
  })
}

function withoutSignature(piece: Piece): Piece {
  const { signature, ...rest } = { signature: undefined, ...piece }
  return rest as Piece
}
