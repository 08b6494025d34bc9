/**
 * Chats in a child process of `folds.ts`, in one of the wires. Records when each word of an answer
 * arrived.
 */
import { randomUUID } from 'node:crypto'
import http from 'node:http'
import { call } from '../core/client.ts'
import { busyMs } from '../core/servers.ts'
import { createListener, type Heard, nowUs } from '../core/spoken.ts'

export type Wire = 'plain' | 'ai-sdk' | 'ag-ui' | 'openai'
/** So many clients in parallel, each with a chat of its own and `rounds` messages in a row. */
export type FoldOrder = {
  url: string
  pid: number
  wire: Wire
  agentId: string
  clients: number
  rounds: number
}
/**
 * `busyMs`: processor time of the server from the first text to the end. `firstMs`: from the
 * request of each message to its first text, without the first message of a chat.
 */
export type FoldAnswer = { heard: Heard[]; busyMs: number; firstMs: number[] }

const agent = new http.Agent({ keepAlive: true, maxSockets: 2_000 })
const texts: Record<Wire, RegExp> = {
  plain: /^event: output\.message\.delta$/m,
  'ai-sdk': /"type":"text-delta"/,
  'ag-ui': /"type":"TEXT_MESSAGE_CONTENT"/,
  openai: /"type":"response\.output_text\.delta"/,
}

let runs = 0

process.on('message', async (order: FoldOrder) => {
  runs += 1
  const begun = Promise.withResolvers<number>()
  const onText = () => begun.resolve(busyMs(order.pid))
  const chats = Array.from({ length: order.clients }, async (_, n) => {
    const chat = await openChat(order, `bench-${process.pid}-${runs}-${n}`)
    const answers: Answered[] = []
    while (answers.length < order.rounds) answers.push(await chat.say(onText))
    chat.close()
    return answers
  })
  const answers = await Promise.all(chats)
  const answer: FoldAnswer = {
    heard: answers.flat().map(({ heard }) => heard),
    busyMs: busyMs(order.pid) - (await begun.promise),
    firstMs: answers.flatMap((all) => all.slice(1).map(({ firstMs }) => firstMs)),
  }
  process.send!(answer)
})
process.on('disconnect', () => process.exit(0))

type Answered = { heard: Heard; firstMs: number }
type Chat = { say: (onText: () => void) => Promise<Answered>; close: () => void }

async function openChat(order: FoldOrder, key: string): Promise<Chat> {
  return order.wire === 'plain' ? openPlain(order) : openFolded(order, order.wire, key)
}

/** A session with one stream for all of its turns, and messages posted as the SDK does. */
async function openPlain({ url, agentId }: FoldOrder): Promise<Chat> {
  const { id } = await call<{ id: string }>(url, 'POST', '/v1/sessions', { agent_id: agentId })
  const opened = Promise.withResolvers<void>()
  let onFrame = (_frame: string) => {}
  const stream = send(url, 'GET', `/v1/sessions/${id}/sse?accumulated=false`)
  const ended = read(stream, (frame) => {
    if (frame.startsWith('event: connected')) opened.resolve()
    onFrame(frame)
  })
  await Promise.race([opened.promise, ended])
  return {
    async say(onText) {
      const timer = createTimer('plain', onText)
      const idled = Promise.withResolvers<void>()
      onFrame = (frame) => {
        timer.onFrame(frame)
        if (/^event: session\.idled$/m.test(frame)) idled.resolve()
      }
      const message = { content: [{ type: 'text', text: 'Continue.' }] }
      const key = { 'idempotency-key': randomUUID() }
      await call(url, 'POST', `/v1/sessions/${id}/messages`, { message }, key)
      await idled.promise
      return timer.result()
    },
    close: () => void stream.destroy(),
  }
}

/** A chat in which each request sends a message and streams its answer. */
function openFolded({ url, agentId }: FoldOrder, wire: Folded, key: string): Chat {
  let round = 0
  let previous: string | undefined
  return {
    async say(onText) {
      round += 1
      const timer = createTimer(wire, onText)
      const [path, body] = requestOf(wire, { agentId, key, id: `${key}-${round}`, previous })
      let id: string | undefined
      await read(send(url, 'POST', path, body), (frame) => {
        id ??= /"id":"(resp_[^"]+)"/.exec(frame)?.[1]
        timer.onFrame(frame)
      })
      previous = id
      return timer.result()
    },
    close: () => {},
  }
}

/** Measures one answer from now on. */
function createTimer(wire: Wire, onText: () => void) {
  const listener = createListener()
  const askedUs = nowUs()
  let firstUs = 0
  return {
    onFrame(frame: string) {
      if (!texts[wire].test(frame)) return
      firstUs ||= nowUs()
      onText()
      listener.hear(deltaOf(frame))
    },
    result: () => ({ heard: listener.result(), firstMs: (firstUs - askedUs) / 1000 }),
  }
}

type Folded = Exclude<Wire, 'plain'>
type Message = { agentId: string; key: string; id: string; previous: string | undefined }

function requestOf(wire: Folded, { agentId, key, id, previous }: Message): [string, object] {
  if (wire === 'ai-sdk') {
    const messages = [{ id, role: 'user', parts: [{ type: 'text', text: 'Continue.' }] }]
    const trigger = 'submit-message'
    return [`/v1/ai-sdk/agents/${agentId}/chat`, { id: key, messages, trigger, user: 'bench' }]
  }
  if (wire === 'ag-ui') {
    const run = { threadId: key, runId: id, tools: [], context: [], state: {} }
    const messages = [{ id, role: 'user', content: 'Continue.' }]
    return [`/v1/ag-ui/agents/${agentId}`, { ...run, messages, forwardedProps: { user: 'bench' } }]
  }
  const continued = previous && { previous_response_id: previous }
  return [
    '/openai/v1/responses',
    { model: agentId, input: 'Continue.', stream: true, ...continued },
  ]
}

function send(url: string, method: string, path: string, body?: object): http.ClientRequest {
  const headers = body && { 'content-type': 'application/json' }
  const request = http.request(url + path, { method, agent, ...(headers && { headers }) })
  request.end(body && JSON.stringify(body))
  return request
}

/** Reads an answer to its end, frame by frame. */
function read(request: http.ClientRequest, onFrame: (frame: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let rest = ''
    request.on('error', reject)
    request.on('close', () => resolve())
    request.on('response', (response) => {
      const isWrong = response.statusCode! >= 300
      response.setEncoding('utf8')
      response.on('error', () => {})
      response.on('data', (chunk: string) => {
        const frames = (rest + chunk).split('\n\n')
        rest = frames.pop()!
        for (const frame of frames) onFrame(frame)
      })
      response.on('end', () => {
        if (isWrong) reject(new Error(`${request.path}: ${rest}`))
        else resolve()
      })
    })
  })
}

/** Returns the text that a frame adds, in the field `delta` of all four wires. */
function deltaOf(frame: string): string {
  const event = JSON.parse(/^data: (.*)$/m.exec(frame)![1]!)
  return (event.data ?? event).delta
}
