import http from 'node:http'

const agent = new http.Agent({ keepAlive: true, maxSockets: 200 })

/** Sends one request with a JSON body; throws unless it succeeds. */
export function call<T>(
  url: string,
  method: string,
  path: string,
  body?: object,
  more: Record<string, string> = {},
): Promise<T> {
  const text = body === undefined ? undefined : JSON.stringify(body)
  const headers = {
    ...more,
    ...(text && {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    }),
  }
  return new Promise((resolve, reject) => {
    const request = http.request(url + path, { method, agent, headers })
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

/** A client that posts to one session and follows it on one stream. */
export type Client = {
  sessionId: string
  /** From the POST to `session.idled` on the stream, in ms. */
  turn: (text: string) => Promise<number>
  /** Duration of the latest POST, in ms. */
  postMs: () => number
  close: () => void
}

/** `readFrom`: the node that the client follows on. */
export async function openClient(url: string, agentId: string, readFrom = url): Promise<Client> {
  const { id } = await call<{ id: string }>(url, 'POST', '/v1/sessions', { agent_id: agentId })
  const followed = await follow(
    `${readFrom}/v1/sessions/${id}/sse?accumulated=false`,
    'event: session.idled\n',
  )
  let postMs = 0
  const say = async (text: string) => {
    const message = { content: [{ type: 'text', text }] }
    const begun = performance.now()
    await call(url, 'POST', `/v1/sessions/${id}/messages`, { message })
    postMs = performance.now() - begun
  }
  return {
    sessionId: id,
    turn: (text) => followed.until(() => say(text)),
    postMs: () => postMs,
    close: followed.close,
  }
}

export type Followed = {
  /** Time from the start of `send` until both it and the next mark are complete, in ms. */
  until: (send: () => Promise<unknown>) => Promise<number>
  close: () => void
}

/** Follows a stream of text in which `mark` ends each unit. */
export async function follow(url: string, mark: string): Promise<Followed> {
  let over = () => {}
  let broken = (_error: Error) => {}
  const response = await stream(url)
  let rest = ''
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    const text = rest + chunk
    if (text.includes(mark)) {
      rest = ''
      over()
    } else rest = text.slice(1 - mark.length)
  })
  response.on('close', () => broken(new Error('A stream ended.')))
  return {
    async until(send) {
      const begun = performance.now()
      const ended = new Promise<void>((resolve, reject) => {
        over = resolve
        broken = reject
      })
      await Promise.all([send(), ended])
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

/** Creates an agent without tools, unless `fields` add some. */
export async function createAgent(url: string, fields: object = {}): Promise<string> {
  const agent = { name: 'Ada', system_prompt: 'You are Ada. Answer in a sentence.', ...fields }
  return (await call<{ id: string }>(url, 'POST', '/v1/agents', agent)).id
}

/** The seeded agent with tools, and a text for which the simulated model calls two in one reply. */
export const assistant = 'agent_01933b5a000070008000000000000101'
export const twoTools = 'What is 2 + 3? And what is the weather in Paris?'
