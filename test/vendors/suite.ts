import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Event, Model, ModelSync, ProviderType } from '@outlast/contract'
import { expectStatus } from '../../apps/server/test/access.ts'
import { dataOf, replyOf } from '../../apps/server/test/session.ts'
import { redImage } from './image.ts'
import {
  addModel,
  addModelOf,
  everythingOf,
  type Reached,
  repliesIn,
  type Server,
  talkTo,
} from './talk.ts'

export type VendorUnderTest = {
  type: ProviderType
  title: string
  /** Set once its server runs. */
  reach: () => Reached
  /** It accepts any key, or none. */
  keyless?: boolean
}

/** Messages of the suite, which a script matches. */
export const sayings = {
  word: 'Answer with this one word and nothing else: pelican',
  sums: 'With your tools, in one go: multiply 6 by 7, and add 1 to 2. Then tell me both results.',
  again: 'Thank you. Which of the two was larger?',
  colour: 'Which colour is this image? Answer with one word.',
} as const

export const unknownModel = 'no-such-model-as-this-one'
export const wrongKey = 'sk-wrong-0123456789abcdef'

/**
 * Requirements for every provider of models, tested through the public API. The suite asserts only
 * what a real model does too, so that it runs against the providers themselves.
 */
export function vendorSuite(vendor: VendorUnderTest, running: () => Server) {
  describe(vendor.title, () => {
    let server: Server
    let model: Model

    before(async () => {
      server = running()
      model = await addModel(server, vendor.type, vendor.reach())
    })

    test('a reply has text, a finish reason, a duration and token counts', async () => {
      const { events, text } = await (await talkTo(server, model)).say(sayings.word)
      assert.match(replyOf(events), /pelican/i)
      assert.ok(replyOf(events).startsWith(text), 'a late follower gets the rest with the message')
      const { metadata } = dataOf(events, 'llm.generation')
      assert.deepEqual(metadata.finish_reasons, ['stop'])
      assert.ok(metadata.time_to_first_token_ms !== undefined)
      assert.ok(metadata.duration_ms! >= metadata.time_to_first_token_ms)
      assert.ok(metadata.usage!.input_tokens > 0 && metadata.usage!.output_tokens > 0)
      assert.deepEqual(dataOf(events, 'turn.completed').usage, metadata.usage)
    })

    test('called tools run, and the model continues from their results', async () => {
      const { events } = await (await talkTo(server, model)).say(sayings.sums)
      const tools = events.filter((event) => event.type === 'tool.completed')
      const done = tools.map(({ data }) => `${data.tool_name} ${data.status}`).sort()
      assert.deepEqual([...new Set(done)], ['add success', 'multiply success'])
      const ids = callsIn(events).map(({ id }) => id)
      assert.equal(new Set(ids).size, ids.length, 'every call has an id of its own')
      assert.match(replyOf(events), /42/)
      assert.match(replyOf(events), /\b(3|three)\b/i)
      const [first, ...others] = events.filter((event) => event.type === 'llm.generation')
      assert.deepEqual(first!.data.metadata.finish_reasons, ['tool_calls'])
      assert.deepEqual(others.at(-1)!.data.metadata.finish_reasons, ['stop'])
    })

    test('signed thinking is sent back to the model, which accepts it', async () => {
      const { say } = await talkTo(server, model)
      const saying = { controls: { reasoning: { effort: 'low' } } }
      const first = await say(sayings.sums, saying)
      assert.ok(dataOf(first.events, 'turn.completed'))
      const second = await say(sayings.again, saying)
      assert.match(replyOf(second.events), /42/)
      assert.ok(dataOf(second.events, 'turn.completed'))
    })

    test('it accepts an image', async () => {
      const image = { type: 'image', base64: redImage, media_type: 'image/png' }
      const { say } = await talkTo(server, model)
      const { events } = await say([{ type: 'text', text: sayings.colour }, image])
      assert.match(replyOf(events), /red/i)
    })

    if (!vendor.keyless) {
      test('a key that is not valid', async () => {
        const wrong = await addModel(server, vendor.type, { ...vendor.reach(), api_key: wrongKey })
        const talk = await talkTo(server, wrong)
        const { events } = await talk.say(sayings.word)
        assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_bad_key')
        const told = JSON.stringify(events) + (await everythingOf(server, talk))
        assert.ok(!told.includes(wrongKey), 'the key is not shown')
      })
    }

    test('a model that does not exist', async () => {
      const unknown = await addModelOf(server, model.provider_id, unknownModel)
      const { events } = await (await talkTo(server, unknown)).say(sayings.word)
      assert.equal(dataOf(events, 'turn.failed').error_code, 'llm_no_such_model')
    })

    test('its list of models, and the one tiny call that checks the connection', async () => {
      const path = `/v1/llm-providers/${model.provider_id}`
      const sync: ModelSync = expectStatus(await server.call('POST', `${path}/sync-models`), 200)
      assert.ok(sync.total > 0, JSON.stringify(sync))
      const body = { model_id: model.id }
      const result = expectStatus(await server.call('POST', `${path}/test`, body), 200)
      assert.equal(result.ok, true, JSON.stringify(result))
    })
  })
}

export const callsIn = (events: Event[]) =>
  repliesIn(events)
    .flatMap(({ content }) => content)
    .filter((part) => part.type === 'tool_call')
