import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { expectStatus } from '../../apps/server/test/access.ts'
import { addMcpServer, startMcp } from '../../apps/server/test/remotes/mcp.ts'
import { redImage } from './image.ts'
import { playReplies } from './recorded.ts'
import { addModel, serverOfFile, talkTo } from './talk.ts'
import { type WireType, wires, wireTypes } from './wires/index.ts'

const server = serverOfFile()

const inlined = `data:image/png;base64,${redImage}`

/** The part of a provider's request that holds the image of a result. */
const shown: Partial<Record<WireType, object>> = {
  openai: { type: 'input_image', image_url: inlined },
  azure_openai: { type: 'input_image', image_url: inlined },
  anthropic: { type: 'image', source: { type: 'base64', media_type: 'image/png', data: redImage } },
  google: { inlineData: { mimeType: 'image/png', data: redImage } },
}

const image = { type: 'image', mimeType: 'image/png', data: redImage }
const words = '[image image/png: the model does not support images in tool results]'

let count = 0

type Odd = {
  model_id?: string
  /** The provider whose bytes are played, where it is another one. */
  wire?: WireType
  /** The path of its base URL. */
  path?: string
}

/** The requests of turns whose model called a tool that returned an image. */
async function requestsOf(t: TestContext, type: WireType, odd: Odd = {}) {
  const { wire = type, path = wires[wire].path, model_id = wires[wire].model } = odd
  const mcp = await startMcp(t, {
    'tools/call': ({ answer }) => answer({ content: [{ type: 'text', text: 'Look:' }, image] }),
  })
  count += 1
  const name = `shows${count}`
  const added = await addMcpServer(server(), mcp.url, { name })
  // A turn waits 5 s only for a first list of tools.
  expectStatus(await server().call('POST', `${added.path}/test`), 200)
  const takes = [{ pieces: [{ call: 'call_1', name: `mcp_${name}__say`, input: {} }] }, {}]
  const player = await playReplies(t, wire, takes)
  const base_url = new URL(player.base_url).origin + path
  const model = await addModel(server(), type, { base_url, model_id })
  const { say } = await talkTo(server(), model, { capabilities: [{ ref: added.ref }] })
  await say('Show me.')
  await say('And again?')
  return player.bodies()
}

for (const type of wireTypes) {
  describe(`images in results for ${type}`, () => {
    test('an image of a result is in its form, or replaced by a text, in every later request', async (t) => {
      const [, second, third] = await requestsOf(t, type)
      for (const body of [second, third]) {
        const text = JSON.stringify(body)
        const form = shown[type]
        if (form) assert.ok(text.includes(JSON.stringify(form).slice(1, -1)), text.slice(0, 3_000))
        else assert.ok(text.includes(words) && !text.includes(redImage), text.slice(0, 3_000))
        assert.ok(text.includes('Look:'))
      }
    })
  })
}

const odd: [string, WireType, Odd][] = [
  ['without vision', 'openai', { model_id: 'gpt-4' }],
  [
    'on Azure with Chat Completions',
    'azure_openai',
    { wire: 'openai_completions', path: '/openai/v1/chat/completions' },
  ],
]

for (const [variant, type, how] of odd) {
  test(`a model ${variant} gets a text in place of the image in a result`, async (t) => {
    for (const body of (await requestsOf(t, type, how)).slice(1)) {
      const text = JSON.stringify(body)
      assert.ok(text.includes(words) && !text.includes(redImage), text.slice(0, 3_000))
    }
  })
}
