/** A model whose replies a test writes: a turn stays inside a reply as long as the test needs. */
import type { ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import type { Model, Session } from '@outlast/contract'
import { expectStatus } from '../access.ts'
import type { Call } from '../server.ts'
import { createAgent, createSession } from '../session.ts'
import { eventually } from '../waiting.ts'
import { beginStream, sendDelta, startVendor } from './vendor.ts'

/** One request to the model. */
export type ModelCall = {
  say: (text: string) => void
  think: (text: string) => void
  /** Begins a tool call, or continues its arguments. */
  input: (index: number, text: string, call?: { id: string; name: string }) => void
  end: () => void
  /** Closes the connection in the middle of the reply. */
  breakOff: () => void
}

function callOf(response: ServerResponse): ModelCall {
  let finish = 'stop'
  beginStream(response)
  return {
    say: (content) => sendDelta(response, { content }),
    think: (reasoning_content) => sendDelta(response, { reasoning_content }),
    input(index, text, call) {
      finish = 'tool_calls'
      const begin = call && { id: call.id, type: 'function' }
      const named = { ...(call && { name: call.name }), arguments: text }
      sendDelta(response, { tool_calls: [{ index, ...begin, function: named }] })
    },
    end() {
      sendDelta(response, {}, finish)
      response.end('data: [DONE]\n\n')
    },
    breakOff: () => response.destroy(),
  }
}

export async function startModel(t: Pick<TestContext, 'after'>) {
  const calls: ModelCall[] = []
  const { url } = await startVendor(t, () => (response) => calls.push(callOf(response)))

  /** Adds the model, which is no default. The server must allow 127.0.0.1. */
  async function addTo({ call }: { call: Call }): Promise<Model> {
    const fields = { name: 'Written', provider_type: 'openai_completions', base_url: url }
    const sent = await call('POST', '/v1/llm-providers', { ...fields, api_key: 'sk-none' })
    const path = `/v1/llm-providers/${expectStatus(sent, 201).id}/models`
    return expectStatus(await call('POST', path, { model_id: 'm', display_name: 'M' }), 201)
  }

  return {
    addTo,
    /** Waits for the n-th request, which counts from 1. */
    call: (n = 1) => eventually(async () => calls[n - 1]),
    /** A session whose agent uses this model. */
    async session(node: { call: Call; url: string }, more: object = {}): Promise<Session> {
      const { id } = await addTo(node)
      const agent = await createAgent(node, { default_model_id: id, ...more })
      return createSession(node, { agent_id: agent.id })
    },
  }
}
