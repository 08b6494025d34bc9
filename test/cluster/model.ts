/** A provider's model whose replies and their times are chosen by the test. */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Session } from '@outlast/contract'
import type { Call } from '../../apps/server/test/server.ts'
import { createAgent, createSession } from '../../apps/server/test/session.ts'

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

function callOf(response: http.ServerResponse): ModelCall {
  const send = (delta: object, finish_reason: string | null = null) => {
    const choices = [{ index: 0, delta, finish_reason }]
    const chunk = { id: 'chunk', object: 'chat.completion.chunk', created: 1, model: 'm', choices }
    response.write(`data: ${JSON.stringify(chunk)}\n\n`)
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  return {
    say: (content) => send({ content }),
    think: (reasoning_content) => send({ reasoning_content }),
    input(index, text, call) {
      const begin = call && { id: call.id, type: 'function' }
      const named = { ...(call && { name: call.name }), arguments: text }
      send({ tool_calls: [{ index, ...begin, function: named }] })
    },
    end() {
      send({}, 'stop')
      response.end('data: [DONE]\n\n')
    },
    breakOff: () => response.destroy(),
  }
}

export async function startModel(t: { after: (work: () => void) => void }) {
  const calls: ModelCall[] = []
  const called = new EventEmitter()
  const server = http.createServer((request, response) => {
    request.resume()
    // A node requests the list of models every hour; this provider has none.
    if (request.method !== 'POST') return void response.writeHead(404).end()
    request.on('end', () => {
      calls.push(callOf(response))
      called.emit('call')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const base_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`

  return {
    /** The n-th request. */
    async call(n = 1): Promise<ModelCall> {
      while (calls.length < n) await once(called, 'call')
      return calls[n - 1]!
    },
    /** A session whose agent uses this model. */
    async session(node: { call: Call; url: string }, more: object = {}): Promise<Session> {
      const type = 'openai_completions'
      const fields = { name: 'Told', provider_type: type, base_url, api_key: 'sk-none' }
      const provider = await node.call('POST', '/v1/llm-providers', fields)
      assert.equal(provider.status, 201, JSON.stringify(provider.body))
      const path = `/v1/llm-providers/${provider.body.id}/models`
      const model = await node.call('POST', path, { model_id: 'm', display_name: 'M' })
      const agent = await createAgent(node, { default_model_id: model.body.id, ...more })
      return createSession(node, { agent_id: agent.id })
    },
  }
}
