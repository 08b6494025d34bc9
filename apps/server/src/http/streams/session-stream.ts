import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import type { EventType } from '@outlast/contract'
import { type EventPosition, eventId, idInside, timeOf } from '../../ids.ts'
import type { Node } from '../../runtime/node.ts'
import type { Shares } from '../../shares.ts'
import {
  accumulated,
  extend,
  type LiveKind,
  type LiveMessage,
  newLiveMessage,
  type Piece,
  type Run,
  textAfter,
} from '../../store/bus/live-message.ts'
import { findRunningMessage } from '../../store/bus/snapshots.ts'
import { isPoolTimeout } from '../../store/database-errors.ts'
import {
  type EventRow,
  presentEvents,
  readPage,
  type WireEvent,
} from '../../store/sessions/events.ts'
import { findCommon, findEventTime } from '../../store/sessions/lost-events.ts'
import { findSequence } from '../../store/sessions/messages.ts'
import type { EventView } from '../security/token-view.ts'
import { type Frames, reconnectMs } from './event-stream.ts'

const batchSize = 200
/** A client that keeps up gets larger pages, and one that does not smaller ones. */
const pageBytesMin = 32 * 1024
const pageBytesMax = 128 * 1024
const busyPauseMs = 250
const unverified = -1

export type StreamOptions = {
  orgId: string
  sessionId: string
  position: EventPosition
  /** When the event at the position was stored, in ms; undefined: not known yet. */
  storedAt: number | undefined
  types: string[] | undefined
  exclude: string[] | undefined
  /** How the client sees an event, where that is not as it is. */
  view?: EventView | undefined
  /** Live events that the client wants. */
  deltas: readonly LiveKind[]
  accumulated: boolean
  /** Page reads of all streams of this node: they leave connections to turns and requests. */
  reads: Shares
}

/** The data of `output.message.completed`, as far as it is text. */
type Completed = {
  message: { thinking?: string; content: { type: string; text?: string }[] }
}

/**
 * What an event is to the text of the running message. `before_end`: stored together with the
 * reply, before it. Behind the `end`, and the end of its turn, nothing of it may come any more.
 */
const textParts = {
  'input.message': 'ignored',
  'session.started': 'ignored',
  'session.activated': 'ignored',
  'turn.started': 'ignored',
  'mcp.unavailable': 'ignored',
  'capability.unavailable': 'ignored',
  'reason.started': 'ignored',
  'context.compacting': 'ignored',
  'context.compacted': 'ignored',
  'output.message.started': 'start',
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': 'ignored',
  'reason.thinking.completed': 'before_end',
  'output.message.delta': 'ignored',
  'llm.generation': 'before_end',
  'output.message.completed': 'end',
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': 'ignored',
  'tool.approval_resolved': 'ignored',
  'tool.call_requested': 'ignored',
  'tool.started': 'ignored',
  'tool.completed': 'ignored',
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'ignored',
  'turn.completed': 'turn_end',
  'turn.failed': 'turn_end',
  'turn.cancelled': 'turn_end',
  'session.idled': 'ignored',
} satisfies Record<EventType, 'start' | 'before_end' | 'end' | 'turn_end' | 'ignored'>

/** Behind it no place inside a message is left. */
const endsText = (type: EventType) => textParts[type] === 'start' || textParts[type] === 'end'

/**
 * Sends one client the events of a session, from a position on, for as long as it listens. The
 * position is all there is to a client: whatever happens, what is due next follows from it, so
 * hints may get lost, deltas merge while the client is slow, and nothing comes twice or not at all.
 * When the log does not have the event at the position any more, the stream ends with
 * `history_changed`.
 */
export function followSession(node: Node, frames: Frames, options: StreamOptions): void {
  const { sessionId, reads } = options
  let { position, storedAt } = options
  /** The epoch of the history in which the log was seen to have the event at the position. */
  let verifiedIn = node.history.epoch()
  /** The sequence of the `output.message.started` inside which the client stands; 0 for none. */
  let running = 0
  let placed = false
  let asked = false
  let busy = false
  /** There may be stored events that this client has not seen. */
  let behind = true
  let pageBytes = pageBytesMin
  const { write, together, isFull, close } = frames

  const unfollow = node.bus.follow(sessionId, {
    orgId: options.orgId,
    stored(sequence, events) {
      if (sequence <= position.sequence) return
      const isNext = events?.[0]?.sequence === position.sequence + 1
      if (!busy && !behind && !isFull() && isNext && isVerified()) {
        together(() => sendAll(events))
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
    verify(last = 0) {
      if (last >= position.sequence) return
      verifiedIn = unverified
      behind = true
      void pump()
    },
  })

  frames.listen({ drained: () => void pump(), ended: unfollow })
  void pump()

  /** Sends what is due until nothing is, or the client's buffer is full. */
  async function pump() {
    if (busy || frames.isOver()) return
    busy = true
    try {
      if (!placed) await reads.run(options.orgId, findPlace)
      while (!frames.isOver() && !isFull() && (behind || liveIsDue())) {
        if (!isVerified() && !(await reads.run(options.orgId, verify))) return await endLost()
        if (behind) await reads.run(options.orgId, catchUpAndRest)
        else sendLive(node.bus.liveMessage(sessionId)!)
        if (!behind) askOnce()
      }
    } catch (error) {
      if (isPoolTimeout(error)) return tryLater()
      node.log.warn('a stream lost the database', { session: sessionId, error })
      close('database_unavailable')
    } finally {
      busy = false
    }
  }

  function tryLater() {
    behind = true
    setTimeout(() => void pump(), busyPauseMs)
  }

  /** Finds out inside which message a client stands that has seen events already. */
  async function findPlace() {
    if (frames.isOver()) return
    if (position.sequence > 0) {
      running = await findRunningMessage(node.db, options, position.sequence)
      storedAt ??= await timeAt(position.sequence)
    }
    placed = true
  }

  const isVerified = () => verifiedIn === node.history.epoch()

  /** False when another event, or none, is where the client stands. */
  async function verify() {
    if (frames.isOver()) return true
    const epoch = node.history.epoch()
    if (position.sequence > 0 && (await timeAt(position.sequence)) !== storedAt) return false
    verifiedIn = epoch
    return true
  }

  async function timeAt(sequence: number) {
    const ts = await findEventTime(node.db, sessionId, sequence)
    return ts === undefined ? undefined : Date.parse(ts)
  }

  /**
   * Ends a stream whose client saw what was lost. The last event of those before comes once more,
   * so that also a client that knows nothing but its last id resumes behind it.
   */
  async function endLost() {
    const { sequence } = position
    const lost = { sequence, ts: new Date(storedAt ?? 0).toISOString() }
    const { types, exclude } = options
    const common = await findCommon(node.db, sessionId, { lost, types, exclude })
    position = { sequence, offset: 0 }
    if (common) for (const event of await presentEvents(node.db, options, [common])) send(event)
    close('history_changed')
  }

  /** Who comes late may stand inside a message that another node writes. */
  function askOnce() {
    if (asked) return
    asked = true
    const known = running === 0 || node.bus.liveMessage(sessionId)?.sequence === running
    if (!known && options.deltas.length > 0) node.bus.ask(sessionId, running)
  }

  function liveIsDue() {
    const message = node.bus.liveMessage(sessionId)
    if (!message || options.deltas.length === 0) return false
    return message.sequence === running && position.offset < message.length
  }

  /**
   * Before the next page of many the slot rests for as long as the read took, while other streams
   * wait: turns and requests keep half of the time.
   */
  async function catchUpAndRest() {
    const begun = performance.now()
    await catchUp()
    if (behind && reads.waiting() > 0) await sleep(performance.now() - begun)
  }

  /**
   * Sends the next page of stored events. What the client does not take at once is dropped and read
   * again once it reads: its position tells what is due.
   */
  async function catchUp() {
    if (frames.isOver()) return
    behind = false
    const read = { after: position.sequence, limit: batchSize, bytesMax: pageBytes }
    const { rows, more } = await readPage(node.db, sessionId, read)
    if (frames.isOver()) return
    if (!isVerified()) {
      behind = true
      return
    }
    if (rows.length === 0) return await checkSession()
    const wanted = rows.filter((row) => wants(row.type))
    const events = await presentEvents(node.db, options, wanted)
    const sent = await sendPage(rows, new Map(events.map((event) => [event.sequence, event])))
    behind ||= more || sent < rows.length
    pageBytes =
      sent < rows.length
        ? Math.max(pageBytesMin, pageBytes / 2)
        : Math.min(pageBytesMax, pageBytes * 2)
  }

  /** Sends rows in portions for as long as the client takes them; returns how many it got. */
  async function sendPage(rows: EventRow[], shown: ReadonlyMap<number, WireEvent>) {
    let index = 0
    do {
      together(() => {
        for (; index < rows.length && !isFull(); index += 1) {
          const row = rows[index]!
          const reply = replyAt(rows, index)
          if (reply) sendRest(JSON.parse(reply.data), reply.context)
          const event = shown.get(row.sequence)
          if (event) send(event)
          advance(row.type, row.sequence, Date.parse(row.ts))
        }
      })
      // Until then the connection has said what it took, and others have had their turn.
      if (index < rows.length) await setImmediate()
    } while (index < rows.length && !isFull() && !frames.isOver())
    return index
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
    for (const [index, event] of events.entries()) {
      const reply = replyAt(events, index)
      if (reply) {
        const { data, context } = JSON.parse(reply.json) as { data: Completed; context: object }
        sendRest(data, JSON.stringify(context))
      }
      if (wants(event.type)) send(event)
      advance(event.type, event.sequence, timeOf(event.id))
    }
  }

  /** An event in the middle of a message must not cost a resuming client its position in it. */
  function send(event: WireEvent) {
    const { type, id, json } = options.view?.(event) ?? event
    const { offset } = position
    const isInside = offset > 0 && !endsText(type) && textParts[type] !== 'before_end'
    const place = isInside ? idInside(sessionId, id, offset) : id
    write(`event: ${type}\nid: ${place}\nretry: ${reconnectMs}\ndata: ${json}\n\n`)
  }

  /** Past a stored event; the place inside the running message is lost only with that message. */
  function advance(type: EventType, sequence: number, time: number) {
    if (sequence <= position.sequence) return
    storedAt = time
    const part = textParts[type]
    position = { sequence, offset: endsText(type) ? 0 : position.offset }
    if (part !== 'start' && part !== 'end' && part !== 'turn_end') return
    running = part === 'start' ? sequence : 0
    node.bus.passed(sessionId, sequence)
  }

  /**
   * What of the running message this client has not got, as one delta for each change of kind.
   * Contract: text of another message than the one in which the client stands is never sent.
   */
  function sendLive(message: LiveMessage) {
    if (message.sequence === running) sendText(message)
  }

  function sendText(message: LiveMessage) {
    for (const run of textAfter(message, position.offset)) {
      position = { sequence: position.sequence, offset: run.end }
      if (options.deltas.includes(run.kind)) sendDelta(message, run)
    }
  }

  function sendDelta(message: LiveMessage, run: Run) {
    const { kind, text: delta } = run
    const { turnId, context } = message
    const now = Date.now()
    const id = eventId(sessionId, storedAt ?? now, position)
    const whole = options.accumulated && { accumulated: accumulated(message, run) }
    const data = { turn_id: turnId, delta, ...whole }
    const json = `{"id":"${id}","type":"${kind}","ts":"${new Date(now).toISOString()}","session_id":"${sessionId}","context":${context},"data":${JSON.stringify(data)}}`
    write(`event: ${kind}\nid: ${id}\nretry: ${reconnectMs}\ndata: ${json}\n\n`)
  }

  /**
   * The reply that ends a message of which the client saw the beginning, and may lack the end: it
   * was slow or away, or nobody was told. Due at the first of the events that are stored with the
   * reply.
   */
  function replyAt<E extends { type: EventType }>(events: readonly E[], index: number) {
    if (position.offset === 0) return undefined
    const next = events.slice(index).find(({ type }) => textParts[type] !== 'before_end')
    return next?.type === 'output.message.completed' ? next : undefined
  }

  function sendRest({ message }: Completed, context: string) {
    const text = message.content.find((part) => part.type === 'text')?.text ?? ''
    const thinking = message.thinking ?? ''
    const { turn_id: turnId } = JSON.parse(context) as { turn_id: string }
    const pieces: Piece[] = []
    if (thinking !== '') pieces.push({ kind: 'reason.thinking.delta', text: thinking })
    if (text !== '') pieces.push({ kind: 'output.message.delta', text })
    const whole = newLiveMessage({ sequence: running, turnId, context })
    extend(whole, 0, pieces)
    sendText(whole)
  }
}
