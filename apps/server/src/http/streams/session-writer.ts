import type { EventType, WrittenSpan } from '@outlast/contract'
import { type EventPosition, eventId, idInside } from '../../ids.ts'
import type { Node } from '../../runtime/node.ts'
import {
  accumulated,
  extend,
  inputLengthBefore,
  inputsBefore,
  type LiveCall,
  type LiveKind,
  type LiveMessage,
  newLiveMessage,
  type Piece,
  type Run,
  textAfter,
} from '../../store/bus/live-message.ts'
import { argumentsBefore, writtenPieces } from '../../store/bus/written-order.ts'
import type { WireEvent } from '../../store/log/events.ts'
import type { EventView } from '../security/token-view.ts'
import { type Frames, reconnectMs } from './event-stream.ts'
import type { StreamReads } from './open-streams.ts'
import { restOfJson } from './rest-of-json.ts'

/** An event for the client, stored or live. `id`: its place, for a resume. */
export type ShownEvent = { type: EventType; id: string; json: string }
/** Frames of one event. `isLast`: the stream ends after them. */
export type Framed = { frames: string; isLast?: boolean }

export type StreamOptions = {
  orgId: string
  sessionId: string
  position: EventPosition
  /** Time of the event at the position in ms; undefined if it was not read yet. */
  storedAt: number | undefined
  /** Sequence of the session's last event when the request began. */
  last: number
  types: string[] | undefined
  exclude: string[] | undefined
  /** Reduces events for the client, if it must not see all of them. */
  view?: EventView | undefined
  /** Live events that the client wants. */
  deltas: readonly LiveKind[]
  /** Reduces the context of live events, which pass through no view. */
  contextView?: ((context: string) => string) | undefined
  accumulated: boolean
  /** Converts an event to frames, in the order of the events. Default: one frame of our own. */
  format?: (event: ShownEvent) => Framed
  /** Page reads of all streams of this node. */
  reads: StreamReads
}

/** A client that follows a session. */
export type Stream = {
  node: Node
  sessionId: string
  frames: Frames
  options: StreamOptions
  position: EventPosition
  storedAt: number | undefined
  /** Epoch of the history in which the event at the position was found in the log. */
  verifiedIn: number
  /** Sequence of the `output.message.started` of the running message; 0 for none. */
  running: number
  /** The running message as this client got it, also after the node has dropped its copy. */
  live?: LiveMessage | undefined
  /** Sequence of the latest event that this node has heard of. */
  last: number
  /** Time at which the position last advanced. */
  movedAt: number
  /** The client has the running message to its end. */
  isWhole?: boolean
  placed: boolean
  /** The client has been at the end of the log. */
  caughtUp: boolean
  busy: boolean
  /** A page is read or sent. */
  reading: boolean
  /** There may be stored events that this client has not seen. */
  behind: boolean
  /** Pages since the client was last at the end of the log. */
  pages: number
  pageBytes: number
}

type StoredCall = { type: string; id: string; name: string; arguments: object }

/** The parts of the data of `output.message.completed` that deltas may have sent. */
export type Completed = {
  message: { thinking?: string; content: { type: string; text?: string }[] }
  written_order?: WrittenSpan[]
}

/**
 * Role of an event for the text of the running message. `before_end`: stored with the reply, before
 * it. After `end` or the end of the turn, no text of the message may be sent.
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
  'tool.input.delta': 'ignored',
  'llm.generation': 'before_end',
  'output.message.completed': 'end',
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': 'ignored',
  'tool.approval_resolved': 'ignored',
  'tool.call_requested': 'ignored',
  'tool.input_resolved': 'ignored',
  'tool.started': 'ignored',
  'tool.completed': 'ignored',
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'ignored',
  'budget.warning': 'ignored',
  'budget.exhausted': 'ignored',
  'budget.paused': 'ignored',
  'budget.resumed': 'ignored',
  'turn.completed': 'turn_end',
  'turn.failed': 'turn_end',
  'turn.cancelled': 'turn_end',
  'session.idled': 'ignored',
  'feedback.given': 'ignored',
} satisfies Record<EventType, 'start' | 'before_end' | 'end' | 'turn_end' | 'ignored'>

/** True for events after which no position inside a message is left. */
const endsText = (type: EventType) => textParts[type] === 'start' || textParts[type] === 'end'

/** Sends an event. Inside a message its id keeps the position in that message for a resume. */
export function send(stream: Stream, event: WireEvent) {
  const { view } = stream.options
  const shown = view ? view(event) : event
  if (!shown) return
  const { type, id, json } = shown
  const { offset } = stream.position
  const isInside = offset > 0 && !endsText(event.type) && textParts[event.type] !== 'before_end'
  const place = isInside ? idInside(stream.sessionId, id, offset) : id
  write(stream, { type, id: place, json })
}

function write({ frames, options: { format = ownFrame } }: Stream, event: ShownEvent) {
  if (frames.isOver()) return
  const { frames: text, isLast } = format(event)
  if (text !== '') frames.write(text)
  if (isLast) frames.finish()
}

const ownFrame = ({ type, id, json }: ShownEvent): Framed => ({
  frames: `event: ${type}\nid: ${id}\nretry: ${reconnectMs}\ndata: ${json}\n\n`,
})

/** Advances past a stored event. The position in the running message ends with that message. */
export function advance(stream: Stream, type: EventType, sequence: number, time: number) {
  if (sequence <= stream.position.sequence) return
  stream.storedAt = time
  stream.movedAt = performance.now()
  const part = textParts[type]
  stream.position = { sequence, offset: endsText(type) ? 0 : stream.position.offset }
  if (part !== 'start' && part !== 'end' && part !== 'turn_end') return
  stream.running = part === 'start' ? sequence : 0
  stream.live = undefined
  stream.isWhole = false
  stream.node.bus.passed(stream.sessionId, sequence)
}

/**
 * Sends the text of the running message that the client lacks, as one delta per change of kind.
 * Contract: never sends text of another message than the one at the position of the client.
 */
export function sendLive(stream: Stream, message: LiveMessage) {
  if (message.sequence !== stream.running || stream.isWhole) return
  stream.live = message
  for (const run of textAfter(message, stream.position.offset)) {
    stream.position = { sequence: stream.position.sequence, offset: run.end }
    if (stream.options.deltas.includes(run.kind)) sendDelta(stream, message, run)
  }
}

function sendDelta(stream: Stream, message: LiveMessage, run: Run) {
  const { kind, text: delta, call } = run
  const { turnId } = message
  const context = stream.options.contextView?.(message.context) ?? message.context
  const now = Date.now()
  const id = eventId(stream.sessionId, stream.storedAt ?? now, stream.position)
  const whole = stream.options.accumulated && { accumulated: accumulated(message, run) }
  const about = call && { tool_call_id: call.id, name: call.name }
  const data = { turn_id: turnId, ...about, delta, ...whole }
  const json = `{"id":"${id}","type":"${kind}","ts":"${new Date(now).toISOString()}","session_id":"${stream.sessionId}","context":${context},"data":${JSON.stringify(data)}}`
  write(stream, { type: kind, id, json })
}

/**
 * The reply that ends a message of which the client has the start and may lack the rest: it was
 * slow or disconnected, or the text was not published. Due at the first of the events that are
 * stored with the reply.
 */
export function replyAt<E extends { type: EventType }>(
  stream: Stream,
  events: readonly E[],
  index: number,
) {
  if (stream.position.offset === 0 || stream.isWhole) return undefined
  const next = events.slice(index).find(({ type }) => textParts[type] !== 'before_end')
  return next?.type === 'output.message.completed' ? next : undefined
}

/**
 * Sends the rest of a message: what this node has of it as the model wrote it, then the text and
 * the arguments that the stored reply has in addition.
 */
export function sendRest(stream: Stream, completed: Completed, context: string) {
  // The bus has dropped the message if another stream of this node has passed its end.
  for (const live of [stream.live, stream.node.bus.liveMessage(stream.sessionId)])
    if (live) sendLive(stream, live)
  stream.isWhole = true
  const { turn_id: turnId } = JSON.parse(context) as { turn_id: string }
  const whole = newLiveMessage({ sequence: stream.running, turnId, context })
  const order = extendByText(whole, completed)
  const { live, position } = stream
  const { offset } = position
  const inputs = live ? inputLengthBefore(live, offset) : argumentsBefore(order, offset)
  for (const run of textAfter(whole, offset - inputs)) sendRun(stream, whole, run)
  const { content } = completed.message
  const calls = content.filter((part) => part.type === 'tool_call') as StoredCall[]
  // The arguments that a client has are unknown without the live message, unless it has none.
  if (!live && inputs > 0) return
  for (const piece of restOfInputs(stream, calls)) {
    extend(whole, whole.length, [piece])
    sendRun(stream, whole, { ...piece, end: whole.length, count: whole.pieces.length })
  }
}

/** Adds thinking and text of a stored reply; returns the order of the reply. */
function extendByText(whole: LiveMessage, { message, written_order }: Completed): WrittenSpan[] {
  const { content, thinking = '' } = message
  const text = content.find((part) => part.type === 'text')?.text ?? ''
  const order = written_order ?? [
    { type: 'thinking', length: thinking.length },
    { type: 'text', length: text.length },
    { type: 'arguments', length: Number.POSITIVE_INFINITY },
  ]
  extend(whole, 0, writtenPieces(order, { thinking, text }))
  return order
}

function sendRun(stream: Stream, whole: LiveMessage, run: Run) {
  const { sequence, offset } = stream.position
  stream.position = { sequence, offset: offset + run.text.length }
  if (stream.options.deltas.includes(run.kind)) sendDelta(stream, whole, run)
}

/**
 * The arguments that a client lacks, by call. Streamed calls come first and in order; their ids can
 * differ from the stored ones.
 */
function restOfInputs({ live, position }: Stream, calls: readonly StoredCall[]): Piece[] {
  const begun = live ? inputsBefore(live, position.offset) : []
  return calls.flatMap(({ id, name, arguments: given }, index): Piece[] => {
    const { call = { id, name } satisfies LiveCall, text: known = '' } = begun[index] ?? {}
    if (known === '' && Object.keys(given).length === 0) return []
    const text = restOfJson(known, given) ?? ''
    return text === '' ? [] : [{ kind: 'tool.input.delta', text, call }]
  })
}
