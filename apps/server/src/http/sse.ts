import type { ServerResponse } from 'node:http'
import { type EventPosition, eventId } from '../ids.ts'
import type { Node } from '../runtime/node.ts'
import type { LiveKind, LiveMessage } from '../store/bus.ts'
import { type EventRow, presentEvents, readPage, type WireEvent } from '../store/events.ts'
import { findSequence } from '../store/messages.ts'

const batchSize = 200
const bufferBytesMax = 256 * 1024
const unreadMs = 30_000
const reconnectMs = 100

export type StreamOptions = {
  orgId: string
  sessionId: string
  position: EventPosition
  types: string[] | undefined
  exclude: string[] | undefined
  /** Live events that the client wants. */
  deltas: readonly LiveKind[]
  accumulated: boolean
  heartbeat: 'comment' | 'event'
  heartbeatMs: number
  cycleMs: number
}

export type Stream = { close: (reason: string) => void }

/**
 * Sends one client the events of a session, from a position on, for as long as it listens.
 * The position is all there is to a client: whatever happens, what is due next follows from it, so hints may get
 * lost, deltas merge while the client is slow, and nothing comes twice or not at all.
 */
export function openStream(node: Node, response: ServerResponse, options: StreamOptions): Stream {
  const { sessionId } = options
  let { position } = options
  let closed = false
  let busy = false
  /** There may be stored events that this client has not seen. */
  let behind = true
  let unread: NodeJS.Timeout | undefined

  const unfollow = node.bus.follow(sessionId, {
    stored(sequence, events) {
      if (sequence <= position.sequence) return
      if (!busy && !behind && !isFull() && events?.[0]?.sequence === position.sequence + 1) {
        sendAll(events)
      } else {
        behind = true
        void pump()
      }
    },
    grew(message) {
      if (!busy && !behind && !isFull()) sendLive(message)
      else void pump()
    },
    deleted: () => close('session_deleted'),
  })

  const beat = setInterval(() => {
    write(options.heartbeat === 'event' ? 'event: heartbeat\ndata: {}\n\n' : ': heartbeat\n\n')
  }, options.heartbeatMs)
  const cycle = setTimeout(() => close('connection_cycle'), options.cycleMs)

  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    connection: 'keep-alive',
  })
  write(`event: connected\nretry: ${reconnectMs}\ndata: {"status":"connected"}\n\n`)
  response.on('close', end)
  response.on('error', end)
  response.on('drain', () => {
    clearTimeout(unread)
    unread = undefined
    void pump()
  })
  void pump()

  function isFull() {
    return response.writableLength > bufferBytesMax
  }

  function write(frame: string) {
    if (closed) return
    if (!response.write(frame) && !unread) unread = setTimeout(() => response.destroy(), unreadMs)
  }

  /** Sends what is due until nothing is, or the client's buffer is full. */
  async function pump() {
    if (busy || closed) return
    busy = true
    try {
      while (!closed && !isFull() && (behind || liveIsDue())) {
        if (behind) await catchUp()
        else sendLive(node.bus.liveMessage(sessionId)!)
      }
    } catch (error) {
      node.log.warn('a stream lost the database', { session: sessionId, error })
      close('database_unavailable')
    } finally {
      busy = false
    }
  }

  function liveIsDue() {
    const message = node.bus.liveMessage(sessionId)
    if (!message || options.deltas.length === 0) return false
    return message.sequence <= position.sequence && position.offset < message.length
  }

  /** Reads the next stored events. */
  async function catchUp() {
    behind = false
    const read = { after: position.sequence, limit: batchSize }
    const { rows, more } = await readPage(node.db, sessionId, read)
    if (closed) return
    if (rows.length === 0) return await checkSession()
    behind ||= more
    const wanted = rows.filter((row) => wants(row.type))
    const events = await presentEvents(node.db, options, wanted)
    const rest = restOfMessage(rows)
    if (rest) sendRest(rest)
    sendAll(events)
    for (const { type, sequence } of rows) advance(type, sequence)
  }

  /** Nothing new: for a client that has just come, the session may have been deleted meanwhile. */
  async function checkSession() {
    const known = await findSequence(node.db, options.orgId, sessionId)
    if (known === undefined) close('session_deleted')
  }

  function wants(type: string) {
    return (options.types?.includes(type) ?? true) && !(options.exclude?.includes(type) ?? false)
  }

  function sendAll(events: WireEvent[]) {
    for (const event of events) {
      if (wants(event.type)) {
        write(
          `event: ${event.type}\nid: ${event.id}\nretry: ${reconnectMs}\ndata: ${event.json}\n\n`,
        )
      }
      advance(event.type, event.sequence)
    }
  }

  /** Past a stored event; the place inside the running message is lost only with that message. */
  function advance(type: string, sequence: number) {
    if (sequence <= position.sequence) return
    const over = type === 'output.message.started' || type === 'output.message.completed'
    position = { sequence, offset: over ? 0 : position.offset }
  }

  /** What of the running message this client has not got, as one delta a kind. */
  function sendLive(message: LiveMessage) {
    if (message.sequence > position.sequence) return
    const seen = { 'output.message.delta': '', 'reason.thinking.delta': '' }
    let end = 0
    for (const { kind, text } of message.pieces) {
      const begin = end
      end += text.length
      seen[kind] += text
      if (end <= position.offset) continue
      const delta = text.slice(Math.max(0, position.offset - begin))
      position = { sequence: position.sequence, offset: end }
      sendDelta(message, { kind, delta, accumulated: seen[kind] })
    }
  }

  type Delta = { kind: LiveKind; delta: string; accumulated: string }

  function sendDelta(
    { turnId, context }: Pick<LiveMessage, 'turnId' | 'context'>,
    { kind, delta, accumulated }: Delta,
  ) {
    if (!options.deltas.includes(kind)) return
    const now = Date.now()
    const id = eventId(sessionId, now, position)
    const data = { turn_id: turnId, delta, ...(options.accumulated && { accumulated }) }
    const json = `{"id":"${id}","type":"${kind}","ts":"${new Date(now).toISOString()}","session_id":"${sessionId}","context":${context},"data":${JSON.stringify(data)}}`
    write(`event: ${kind}\nid: ${id}\nretry: ${reconnectMs}\ndata: ${json}\n\n`)
  }

  /**
   * The end of a message that the client saw the beginning of: it was slow, or away, while the rest was streamed.
   * Undefined when the message was asked for again, or the client has it whole.
   */
  function restOfMessage(rows: EventRow[]) {
    if (position.offset === 0) return undefined
    const next = rows.find(
      ({ type }) => type === 'output.message.completed' || type === 'output.message.started',
    )
    return next?.type === 'output.message.completed' ? next : undefined
  }

  function sendRest(row: EventRow) {
    const { message } = JSON.parse(row.data) as {
      message: { thinking?: string; content: { type: string; text?: string }[] }
    }
    const text = message.content.find((part) => part.type === 'text')?.text ?? ''
    const thinking = message.thinking ?? ''
    const { turn_id: turnId } = JSON.parse(row.context) as { turn_id: string }
    const pieces: LiveMessage['pieces'] = []
    if (thinking !== '') pieces.push({ kind: 'reason.thinking.delta', text: thinking })
    if (text !== '') pieces.push({ kind: 'output.message.delta', text })
    const length = thinking.length + text.length
    const { sequence } = position
    sendLive({ sequence, turnId, context: row.context, pieces, length })
  }

  function close(reason: string) {
    if (closed) return
    write(`event: disconnecting\ndata: ${JSON.stringify({ reason, retry_ms: reconnectMs })}\n\n`)
    response.end()
    end()
  }

  function end() {
    if (closed) return
    closed = true
    clearInterval(beat)
    clearTimeout(cycle)
    clearTimeout(unread)
    unfollow()
  }

  return { close }
}
