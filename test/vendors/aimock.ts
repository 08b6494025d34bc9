import { after, before } from 'node:test'
import { LLMock } from '@copilotkit/aimock'
import { sayings, unknownModel } from './suite.ts'
import { secretKey } from './talk.ts'
import { type WireType, wires } from './wires/index.ts'

const counted = {
  ...{ prompt_tokens: 31, completion_tokens: 7, total_tokens: 38 },
  ...{ input_tokens: 31, output_tokens: 7 },
}

/** A fake of every provider for all tests of a file; the suite sets its responses. */
export function startAimock() {
  const mock = new LLMock({ port: 0, auth: { apiKeys: [secretKey] } })
  answerTheSuite(mock)
  before(() => mock.start())
  after(() => mock.stop())
  return mock
}

/** The base URL for one type of provider. */
export const reach = (mock: LLMock, type: WireType) => () => ({
  base_url: mock.url + wires[type].path,
  model_id: wires[type].model,
})

function answerTheSuite(mock: LLMock) {
  const missing = `The model '${unknownModel}' does not exist.`
  mock.on({ model: unknownModel }, { error: { message: missing }, status: 404 })
  mock.on({ userMessage: sayings.word }, { content: 'Pelican.', usage: counted })
  const calls = [
    { name: 'multiply', arguments: '{"a":6,"b":7}' },
    { name: 'add', arguments: '{"a":1,"b":2}' },
  ]
  const reasoning = 'Two sums, and both of them at once.'
  mock.on({ userMessage: sayings.sums, hasToolResult: false }, { toolCalls: calls, reasoning })
  mock.on(
    { userMessage: sayings.sums, hasToolResult: true },
    { content: 'They are 42 and 3.', reasoning: 'That was easy.' },
  )
  mock.on({ userMessage: sayings.again }, { content: 'The 42.' })
  mock.on({ userMessage: sayings.colour }, { content: 'Red.' })
  mock.on({ userMessage: 'Say OK.' }, { content: 'OK' })
  // It has no list of Google's models.
  mock.mount('/v1beta/models', {
    async handleRequest(_request, response, pathname) {
      if (pathname !== '/' && pathname !== '') return false
      const methods = { supportedGenerationMethods: ['generateContent'] }
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ models: [{ name: 'models/gemini-3-flash', ...methods }] }))
      return true
    },
  })
}
