import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { addMcpServer, startMcp } from '../../apps/server/test/mcp.ts'
import { redImage } from './image.ts'
import { playReplies } from './recorded.ts'
import { addModel, serverOfFile, talkTo } from './talk.ts'
import { type WireType, wires, wireTypes } from './wires/index.ts'

const server = serverOfFile()

const inlined = `data:image/png;base64,${redImage}`

/** What of a request holds the image of a result, in the words of its vendor. */
const shown: Partial<Record<WireType, object>> = {
  openai: { type: 'input_image', image_url: inlined },
  azure_openai: { type: 'input_image', image_url: inlined },
  anthropic: { type: 'image', source: { type: 'base64', media_type: 'image/png', data: redImage } },
  google: { inlineData: { mimeType: 'image/png', data: redImage } },
}

const image = { type: 'image', mimeType: 'image/png', data: redImage }
const words = '[image image/png: you cannot see images in results]'

/** The requests of a turn whose model calls a tool that answers with an image. */
async function requestsOf(t: TestContext, type: WireType) {
  const mcp = await startMcp(t, {
    'tools/call': ({ answer }) => answer({ content: [{ type: 'text', text: 'Look:' }, image] }),
  })
  const added = await addMcpServer(server(), mcp.url, { name: type })
  const name = `mcp_${type}__say`
  const takes = [{ pieces: [{ call: 'call_1', name, input: {} }] }, {}]
  const player = await playReplies(t, type, takes)
  const reached = { base_url: player.base_url, model_id: wires[type].model }
  const model = await addModel(server(), type, reached)
  const { say } = await talkTo(server(), model, { capabilities: [{ ref: added.ref }] })
  await say('Show me.')
  await say('And again?')
  return player.bodies()
}

for (const type of wireTypes) {
  describe(`images in results for ${type}`, () => {
    test('one is there in its form, or in words, at every later request', async (t) => {
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
