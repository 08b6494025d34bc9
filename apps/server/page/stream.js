import { call } from './login.js'

const eventTypes = [
  'input.message',
  'session.started',
  'session.activated',
  'turn.started',
  'mcp.unavailable',
  'reason.started',
  'context.compacting',
  'context.compacted',
  'files.changed',
  'output.message.started',
  'reason.thinking.started',
  'reason.thinking.delta',
  'reason.thinking.completed',
  'output.message.delta',
  'llm.generation',
  'output.message.completed',
  'reason.completed',
  'act.started',
  'tool.approval_requested',
  'tool.approval_resolved',
  'tool.call_requested',
  'tool.started',
  'tool.progress',
  'tool.completed',
  'act.completed',
  'turn.completed',
  'turn.failed',
  'turn.cancelled',
  'session.idled',
]
const retryMs = { first: 100, most: 2_000 }

/**
 * Follows a session: every event once and in order, across lost connections and restarts of the server.
 * An EventSource gives up for good when it meets an error status, such as that of a server that is just starting;
 * so each connection is a new one, from the last event on.
 *
 * `on` holds `event`, `open`, `lost`, `gone` (the session does not exist; not followed any more) and `restart`
 * (the place is not known to the server any more; everything comes again from the start).
 */
export function follow(sessionId, on) {
  let source
  let timer
  let lastId = ''
  let isOpen = false
  let closed = false
  let waitMs = retryMs.first

  function connect() {
    const since = lastId === '' ? '' : `&since_id=${lastId}`
    source = new EventSource(`/v1/sessions/${sessionId}/sse?accumulated=false${since}`)
    source.addEventListener('open', opened)
    source.addEventListener('error', lost)
    source.addEventListener('disconnecting', disconnecting)
    for (const type of eventTypes) source.addEventListener(type, take)
  }

  function opened() {
    isOpen = true
    waitMs = retryMs.first
    on.open()
  }

  function take({ data, lastEventId }) {
    lastId = lastEventId
    on.event(JSON.parse(data))
  }

  function disconnecting({ data }) {
    if (JSON.parse(data).reason !== 'session_deleted') return
    close()
    on.gone('This conversation has been deleted.')
  }

  async function lost() {
    source.close()
    const wasOpen = isOpen
    isOpen = false
    on.lost()
    if (!wasOpen) await findOutWhy()
    if (closed) return
    timer = setTimeout(connect, waitMs)
    waitMs = Math.min(waitMs * 2, retryMs.most)
  }

  /** An EventSource does not tell with what it was refused; what follows the last event is refused alike. */
  async function findOutWhy() {
    const since = lastId === '' ? '' : `&since_id=${lastId}`
    try {
      await call('GET', `/v1/sessions/${sessionId}/events?limit=1${since}`)
    } catch ({ status, code, message }) {
      if (closed || status < 400 || status === 429 || status >= 500) return
      if (code === 'unknown_event_id') {
        lastId = ''
        return on.restart()
      }
      close()
      on.gone(message)
    }
  }

  function close() {
    closed = true
    clearTimeout(timer)
    source.close()
  }

  connect()
  return { close }
}
