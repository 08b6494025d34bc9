import http from 'node:http'

const agent = new http.Agent({ keepAlive: true, maxSockets: 200 })

/** One request with a JSON body; throws unless it succeeds. */
export function call<T>(url: string, method: string, path: string, body?: object): Promise<T> {
  const text = body === undefined ? undefined : JSON.stringify(body)
  const headers = text && {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  }
  return new Promise((resolve, reject) => {
    const request = http.request(url + path, { method, agent, ...(headers && { headers }) })
    request.on('error', reject)
    request.on('response', (response) => {
      let answer = ''
      response.setEncoding('utf8')
      response.on('error', reject)
      response.on('data', (chunk: string) => {
        answer += chunk
      })
      response.on('end', () => {
        if (response.statusCode! >= 300) reject(new Error(`${method} ${path}: ${answer}`))
        else resolve(JSON.parse(answer) as T)
      })
    })
    request.end(text)
  })
}

/** A client that talks to one session and follows it on one stream. */
export type Client = {
  sessionId: string
  /** From the POST to `session.idled` on the stream, in ms. */
  turn: (text: string) => Promise<number>
  close: () => void
}

const idled = 'event: session.idled\n'

export async function openClient(url: string, agentId: string): Promise<Client> {
  const { id } = await call<{ id: string }>(url, 'POST', '/v1/sessions', { agent_id: agentId })
  let over = () => {}
  let broken = (_error: Error) => {}
  const response = await stream(`${url}/v1/sessions/${id}/sse?accumulated=false`)
  let rest = ''
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    const text = rest + chunk
    if (text.includes(idled)) {
      rest = ''
      over()
    } else rest = text.slice(1 - idled.length)
  })
  response.on('close', () => broken(new Error('A stream ended.')))
  return {
    sessionId: id,
    async turn(text) {
      const begun = performance.now()
      const ended = new Promise<void>((resolve, reject) => {
        over = resolve
        broken = reject
      })
      const message = { content: [{ type: 'text', text }] }
      await Promise.all([call(url, 'POST', `/v1/sessions/${id}/messages`, { message }), ended])
      return performance.now() - begun
    },
    close() {
      broken = () => {}
      response.destroy()
    },
  }
}

function stream(url: string): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent: false })
    request.on('error', reject)
    request.on('response', resolve)
  })
}

/** An agent that only talks. */
export async function createAgent(url: string): Promise<string> {
  const agent = { name: 'Ada', system_prompt: 'You are Ada. Answer in a sentence.' }
  return (await call<{ id: string }>(url, 'POST', '/v1/agents', agent)).id
}
