import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

const key = 'the right key'

/** A vendor that speaks Chat Completions, lists two models, answers OK, and knows one key. */
export async function startVendor(t: Pick<TestContext, 'after'>) {
  const server = createServer((request, response) => {
    request.resume()
    const answer = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (request.headers.authorization !== `Bearer ${key}`) {
      answer(401, { error: { message: 'Incorrect API key provided' } })
    } else if (request.url === '/v1/models') {
      answer(200, { object: 'list', data: ['grind-1', 'grind-2'].map((id) => ({ id })) })
    } else {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const choice = { index: 0, delta: { role: 'assistant', content: 'OK' }, finish_reason: null }
      const chunk = { id: '1', object: 'chat.completion.chunk', created: 1, model: 'grind-1' }
      response.write(`data: ${JSON.stringify({ ...chunk, choices: [choice] })}\n\n`)
      const end = { index: 0, delta: {}, finish_reason: 'stop' }
      response.end(`data: ${JSON.stringify({ ...chunk, choices: [end] })}\n\ndata: [DONE]\n\n`)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, key }
}
