import { setImmediate } from 'node:timers/promises'
import { timeOf } from '../../ids.ts'
import type { Node } from '../../runtime/node.ts'
import type { Follower } from '../../store/bus/bus.ts'
import { findStreamPlace } from '../../store/bus/snapshots.ts'
import { isPoolTimeout } from '../../store/database-errors.ts'
import { type EventRow, readPage, type WireEvent } from '../../store/log/events.ts'
import { findCommon, findEventTime } from '../../store/log/lost-events.ts'
import { presentEvents } from '../../store/log/present-events.ts'
import { findSequence } from '../../store/sessions/messages.ts'
import type { Frames } from './event-stream.ts'
import {
  advance,
  type Completed,
  replyAt,
  type Stream,
  type StreamOptions,
  send,
  sendLive,
  sendRest,
} from './session-writer.ts'

const batchSize = 200
/** Page sizes in bytes: larger for clients that keep up, smaller for slow ones. */
const pageBytesMin = 32 * 1024
const pageBytesMax = 128 * 1024
const busyPauseMs = 250
/** Events that a near stream lacks at most: those of a few turns. */
const nearMax = 50
/** Pages of these events at most; a stream that lacks more of them is far. */
const nearPagesMax = 3
const unverified = -1

/**
 * Sends one client the events of a session from a position on, until it disconnects. The next frame
 * follows from the position alone: hints may get lost, deltas merge while the client is slow, and
 * each event arrives exactly once. If the log no longer has the event at the position, the stream
 * ends with `history_changed`.
 */
export function followSession(node: Node, frames: Frames, options: StreamOptions): void {
  const { position, storedAt } = options
  const stream: Stream = {
    node,
    sessionId: options.sessionId,
    frames,
    options,
    position,
    storedAt,
    verifiedIn: node.history.epoch(),
    movedAt: 0,
    running: 0,
    placed: position.sequence === 0,
    caughtUp: false,
    busy: false,
    reading: false,
    behind: true,
    last: options.last,
    pages: 0,
    pageBytes: pageBytesMin,
  }
  const unfollow = node.bus.follow(stream.sessionId, followerOf(stream))
  frames.listen({ drained: () => void pump(stream), ended: unfollow })
  void pump(stream)
}

function followerOf(stream: Stream): Follower {
  const { frames } = stream
  const isReady = () => stream.placed && !stream.reading && !frames.isFull() && isVerified(stream)
  const fallBehind = () => {
    stream.behind = true
    void pump(stream)
  }
  return {
    orgId: stream.options.orgId,
    stored(sequence, events) {
      if (sequence <= stream.position.sequence) return
      stream.last = Math.max(stream.last, sequence)
      // Also while the stream waits for a read: it lacks nothing before these events.
      const isNext = events?.[0]?.sequence === stream.position.sequence + 1
      if (!isNext || !isReady()) return fallBehind()
      try {
        frames.together(() => sendAll(stream, events))
      } catch {
        // The read of the same events reports it. It must not end the append or other streams.
        return fallBehind()
      }
      if (stream.caughtUp && stream.last <= stream.position.sequence) endLag(stream)
    },
    grew(message) {
      if (isReady()) sendLive(stream, message)
      else void pump(stream)
    },
    deleted: () => frames.close('session_deleted'),
    verify(last = 0, readAt = Number.POSITIVE_INFINITY) {
      // A stream that has advanced since that read can be ahead of it without a lost history.
      if (last >= stream.position.sequence || stream.movedAt > readAt) return
      stream.verifiedIn = unverified
      fallBehind()
    },
  }
}

/** Reads in the share of the organization, among streams that lack as many events. */
function readInShare<T>(stream: Stream, work: (stream: Stream) => Promise<T>) {
  const { options, last, position, pages } = stream
  const { near, far } = options.reads
  const isFar = last - position.sequence > nearMax || pages >= nearPagesMax
  return (isFar ? far : near).run(options.orgId, () => work(stream))
}

/** Sends due events until none is left or the client's buffer is full. */
async function pump(stream: Stream) {
  if (stream.busy || stream.frames.isOver()) return
  stream.busy = true
  try {
    if (!stream.placed) await readInShare(stream, findPlace)
    while (
      !stream.frames.isOver() &&
      !stream.frames.isFull() &&
      (stream.behind || liveIsDue(stream))
    ) {
      if (!isVerified(stream) && !(await readInShare(stream, verify)))
        return await readInShare(stream, endLost)
      if (stream.behind) await readInShare(stream, catchUp)
      else if (liveIsDue(stream)) sendLive(stream, stream.node.bus.liveMessage(stream.sessionId)!)
      if (!stream.behind && !stream.caughtUp) {
        stream.caughtUp = true
        askForText(stream)
      }
    }
  } catch (error) {
    if (isPoolTimeout(error)) return tryLater(stream)
    stream.node.log.warn('a stream lost the database', { session: stream.sessionId, error })
    stream.frames.close('database_unavailable')
  } finally {
    stream.busy = false
  }
}

function tryLater(stream: Stream) {
  stream.behind = true
  setTimeout(() => void pump(stream), busyPauseMs)
}

/** Finds the running message at the position of a client that has received events. */
async function findPlace(stream: Stream) {
  if (stream.frames.isOver()) return
  if (stream.position.sequence > 0) {
    const { node, options, position } = stream
    const { running, ts } = await findStreamPlace(node.streamDb, options, position.sequence)
    stream.running = running
    stream.storedAt ??= ts === undefined ? undefined : Date.parse(ts)
  }
  stream.placed = true
}

const isVerified = ({ node, verifiedIn }: Stream) => verifiedIn === node.history.epoch()

/** False if the log has another event, or none, at the position of the client. */
async function verify(stream: Stream) {
  if (stream.frames.isOver()) return true
  const epoch = stream.node.history.epoch()
  if (
    stream.position.sequence > 0 &&
    (await timeAt(stream, stream.position.sequence)) !== stream.storedAt
  )
    return false
  stream.verifiedIn = epoch
  return true
}

async function timeAt(stream: Stream, sequence: number) {
  const ts = await findEventTime(stream.node.streamDb, stream.sessionId, sequence)
  return ts === undefined ? undefined : Date.parse(ts)
}

/**
 * Ends a stream whose client received lost events. The last common event is sent again, so that a
 * client that keeps only its last id resumes after it.
 */
async function endLost(stream: Stream) {
  const { sequence } = stream.position
  const lost = { sequence, ts: new Date(stream.storedAt ?? 0).toISOString() }
  const { types, exclude } = stream.options
  const common = await findCommon(stream.node.streamDb, stream.sessionId, { lost, types, exclude })
  stream.position = { sequence, offset: 0 }
  if (common)
    for await (const event of presentEvents(stream.node.streamDb, stream.options, [common]))
      send(stream, event)
  stream.frames.close('history_changed')
}

/** A client that joins late may be inside a message that another node writes. */
function askForText(stream: Stream) {
  const known =
    stream.running === 0 ||
    stream.node.bus.liveMessage(stream.sessionId)?.sequence === stream.running
  if (!known && stream.options.deltas.length > 0)
    stream.node.bus.requestText(stream.sessionId, stream.running)
}

function liveIsDue(stream: Stream) {
  const message = stream.node.bus.liveMessage(stream.sessionId)
  if (!message || stream.options.deltas.length === 0) return false
  return message.sequence === stream.running && stream.position.offset < message.length
}

/**
 * Sends the next page of stored events. Events that the client does not take at once are dropped
 * and read again from its position.
 */
async function catchUp(stream: Stream) {
  // Events may have reached the client while it waited.
  if (stream.frames.isOver() || stream.frames.isFull() || !stream.behind) return
  stream.behind = false
  stream.reading = true
  try {
    await sendNextPage(stream)
  } finally {
    stream.reading = false
  }
  if (!stream.behind) endLag(stream)
}

/** The client has every event that this node has heard of. */
function endLag(stream: Stream) {
  stream.behind = false
  stream.pages = 0
  stream.last = stream.position.sequence
}

async function sendNextPage(stream: Stream) {
  const read = { after: stream.position.sequence, limit: batchSize, bytesMax: stream.pageBytes }
  const { rows, more } = await readPage(stream.node.streamDb, stream.sessionId, read)
  if (stream.frames.isOver()) return
  if (!isVerified(stream)) {
    stream.behind = true
    return
  }
  if (rows.length === 0) return await checkSession(stream)
  stream.last = Math.max(stream.last, rows.at(-1)!.sequence + (more ? 1 : 0))
  const wanted = rows.filter((row) => wants(stream, row.type))
  const shown = new Map<number, WireEvent>()
  for await (const event of presentEvents(stream.node.streamDb, stream.options, wanted))
    shown.set(event.sequence, event)
  const sent = await sendPage(stream, rows, shown)
  const isRest = more || sent < rows.length
  stream.behind ||= isRest
  stream.pages = isRest ? stream.pages + 1 : 0
  stream.pageBytes =
    sent < rows.length
      ? Math.max(pageBytesMin, stream.pageBytes / 2)
      : Math.min(pageBytesMax, stream.pageBytes * 2)
}

/** Sends rows in portions for as long as the client takes them; returns how many it got. */
async function sendPage(stream: Stream, rows: EventRow[], shown: ReadonlyMap<number, WireEvent>) {
  let index = 0
  do {
    stream.frames.together(() => {
      for (; index < rows.length && !stream.frames.isFull(); index += 1) {
        const row = rows[index]!
        const reply = replyAt(stream, rows, index)
        if (reply) sendRest(stream, JSON.parse(reply.data), reply.context)
        const event = shown.get(row.sequence)
        if (event) send(stream, event)
        advance(stream, row.type, row.sequence, Date.parse(row.ts))
      }
    })
    // By then the connection has reported its progress, and other streams have run.
    if (index < rows.length) await setImmediate()
  } while (index < rows.length && !stream.frames.isFull() && !stream.frames.isOver())
  return index
}

/** Handles a read without events: the session of a new client may have been deleted. */
async function checkSession(stream: Stream) {
  const known = await findSequence(stream.node.streamDb, stream.options.orgId, stream.sessionId)
  if (known === undefined) stream.frames.close('session_deleted')
}

function wants(stream: Stream, type: string) {
  return (
    (stream.options.types?.includes(type) ?? true) &&
    !(stream.options.exclude?.includes(type) ?? false)
  )
}

function sendAll(stream: Stream, events: WireEvent[]) {
  for (const [index, event] of events.entries()) {
    const reply = replyAt(stream, events, index)
    if (reply) {
      const { data, context } = JSON.parse(reply.json) as { data: Completed; context: object }
      sendRest(stream, data, JSON.stringify(context))
    }
    if (wants(stream, event.type)) send(stream, event)
    advance(stream, event.type, event.sequence, timeOf(event.id))
  }
}
