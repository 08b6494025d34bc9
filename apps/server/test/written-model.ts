/** A model whose replies a test writes: a turn stays inside a reply as long as the test needs. */
import type { ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { expectStatus } from './access.ts'
import type { Call } from './server.ts'
import { beginStream, sendDelta, startVendor } from './vendor.ts'
import { eventually } from './waiting.ts'

export type WrittenReply = {
  say: (text: string) => void
  callTool: (name: string, input: object) => void
  end: () => void
}

function writtenReply(response: ServerResponse): WrittenReply {
  let finish = 'stop'
  return {
    say: (text) => sendDelta(response, { content: text }),
    callTool(name, input) {
      finish = 'tool_calls'
      const called = { name, arguments: JSON.stringify(input) }
      const call = { index: 0, id: 'call_0', type: 'function', function: called }
      sendDelta(response, { tool_calls: [call] })
    },
    end() {
      sendDelta(response, {}, finish)
      response.end('data: [DONE]\n\n')
    },
  }
}

/** Adds the model, which is no default. The server must allow 127.0.0.1. */
export async function startWrittenModel(
  t: Pick<TestContext, 'after'>,
  { call }: { call: Call },
): Promise<{ id: string; reply: (number?: number) => Promise<WrittenReply> }> {
  const responses: ServerResponse[] = []
  const { url } = await startVendor(t, () => (response) => {
    beginStream(response)
    responses.push(response)
  })
  const provider = { name: 'Written', provider_type: 'openai_completions', base_url: url }
  const added = expectStatus(await call('POST', '/v1/llm-providers', provider), 201)
  const model = { model_id: 'written', display_name: 'Written' }
  const path = `/v1/llm-providers/${added.id}/models`
  return {
    id: expectStatus(await call('POST', path, model), 201).id,
    /** Waits for the n-th request for a reply, which counts from 1. */
    reply: async (number = 1) => writtenReply(await eventually(async () => responses[number - 1])),
  }
}
