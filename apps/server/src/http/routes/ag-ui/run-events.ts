/** The events of a run: those of the log, folded, from its beginning or from a place on. */
import type { Event } from '@outlast/contract'
import {
  type AgUiChunk,
  type AgUiEvent,
  type AgUiMessage,
  type AgUiRun,
  type AgUiState,
  agUiSlots,
  beforeRun,
  foldAgUi,
  noParts,
  startRun,
} from '@outlast/contract/folds/ag-ui'
import { toolCallsIn } from '@outlast/contract/folds/ag-ui-messages'
import type { FastifyRequest } from 'fastify'
import { readBackwards, readPage } from '../../../store/log/events.ts'
import { presentEvents } from '../../../store/log/present-events.ts'
import { eventView, hiddenTypes } from '../../security/token-view.ts'
import { resumeFrom } from '../../streams/resume.ts'
import { type AgUiPlace, partsAfter, placeId } from './place.ts'

/**
 * A run of a session. `after`: sequence of the last event before it. `isNew`: the message of this
 * request began it, and where it begins is not stored yet. `historyLength`: of a history from the
 * log, as JSON; one of the client counts as the body of its request.
 */
export type OpenedRun = {
  sessionId: string
  after: number
  run: AgUiRun
  isNew?: boolean
  historyLength?: number
}

/** A run at a position of the log, and the frames that are due there. */
export type RunPosition = {
  state: AgUiState
  after: number
  offset: number
  frames: string
  place: AgUiPlace
}

type Request = Pick<FastifyRequest, 'principal' | 'db'>

const pageLength = 500

/** Reads stored events as the caller sees them, without those of model calls. */
async function* storedEvents(
  { principal, db }: Request,
  sessionId: string,
  { after, upTo }: { after: number; upTo: number },
): AsyncGenerator<Event> {
  const view = eventView(principal)
  const exclude = [...hiddenTypes(principal), 'llm.generation']
  const about = { orgId: principal.orgId, sessionId }
  let at = after
  for (let more = at < upTo; more; ) {
    const page = await readPage(db, sessionId, { after: at, upTo, exclude, limit: pageLength })
    for await (const event of presentEvents(db, about, page.rows)) {
      const shown = view ? view(event) : event
      if (shown) yield JSON.parse(shown.json) as Event
    }
    at = page.rows.at(-1)?.sequence ?? upTo
    more = page.more
  }
}

/** Folds the events of the turn in which a run begins, up to its beginning. */
export async function stateBefore(request: Request, { sessionId, after, run }: OpenedRun) {
  const type = ['session.activated', 'session.idled'] as const
  const read = { type, before: after + 1, limit: 1 }
  const [activated] = await readBackwards(request.db, sessionId, read)
  let state = beforeRun(run)
  if (activated?.type !== 'session.activated') return state
  const range = { after: activated.sequence - 1, upTo: after }
  for await (const event of storedEvents(request, sessionId, range)) {
    const { activeTurn, ...next } = foldAgUi(state, event).state
    // Ends of earlier runs of the turn are not the end of this one.
    state = { ...next, ...(activeTurn && { activeTurn, turn: activeTurn }), isOver: false }
  }
  return state
}

/** `last`: sequence of the session. */
export async function fromStart(
  request: Request,
  opened: OpenedRun,
  { before, last }: { before: AgUiState; last: number },
) {
  const { after, isNew } = opened
  const kept = isNew ? undefined : await historyWithoutRun(request, opened, { before, last })
  const run = kept ? { ...opened.run, history: kept } : opened.run
  const { state, chunks } = startRun({ ...before, run })
  const [started, ...rest] = chunks
  const snapshot = kept ? [snapshotOf(kept)] : []
  const place = { eventId: undefined, slot: 0, parts: noParts }
  const frames = framesOf([started!, ...snapshot, ...rest], place)
  return { state, after, offset: 0, frames, place: { ...place, slot: agUiSlots.delta } }
}

const snapshotOf = (messages: AgUiMessage[]): AgUiChunk => ({
  slot: agUiSlots.snapshot,
  event: { type: 'MESSAGES_SNAPSHOT', messages },
})

/**
 * The messages of a client that are not from this run, if it already has some that are: it repeats
 * a request whose connection was lost, and gets the whole run again.
 */
async function historyWithoutRun(
  request: Request,
  { sessionId, after, run: { history } }: OpenedRun,
  { before, last }: { before: AgUiState; last: number },
): Promise<AgUiMessage[] | undefined> {
  if (history.length === 0) return undefined
  let { state } = startRun(before)
  const ofRun = new Set<string>()
  for await (const event of storedEvents(request, sessionId, { after, upTo: last })) {
    state = foldAgUi(state, event).state
    if (state.writing) ofRun.add(state.writing.id)
    if (state.isOver) break
  }
  for (const { id } of state.messages) ofRun.add(plainId(id))
  const kept = history.filter(({ id }) => !ofRun.has(plainId(id)))
  return kept.length === history.length ? undefined : kept
}

/** The id of a message in the log, of any attempt, also for its reasoning. */
const plainId = (id: string) => id.replace(/(~\d+)?(:r)?$/, '')

/** Continues after the last event that a client has received. */
export async function fromPlace(
  request: Request,
  opened: OpenedRun,
  { before, place }: { before: AgUiState; place: AgUiPlace },
): Promise<RunPosition> {
  const { sessionId, after } = opened
  const begun = startRun(before)
  const next = { ...place, slot: Math.max(place.slot, agUiSlots.delta) }
  if (place.eventId === undefined) {
    const frames = framesOf(dueOf(begun.chunks, place), place)
    return { state: received(begun.state, place), after, offset: 0, frames, place: next }
  }
  const from = { since_id: place.eventId, last_event_id: undefined }
  const { position } = await resumeFrom(request.db, sessionId, from)
  const { sequence, offset } = position
  let { state } = begun
  let due: AgUiChunk[] = []
  let end = state.isOver ? begun.chunks.at(-1) : undefined
  for await (const event of storedEvents(request, sessionId, { after, upTo: sequence })) {
    const isCut = event.sequence === sequence && place.slot < agUiSlots.delta
    const group = foldAgUi(isCut ? receivedOf(state, place, event) : state, event)
    state = group.state
    if (state.isOver) end ??= group.chunks.at(-1)
    if (isCut) due = dueOf(group.chunks, place)
  }
  if (place.slot >= agUiSlots.delta) state = received(state, place)
  const frames = due.length === 0 && end ? endOf(end) : framesOf(due, place)
  return { state, after: sequence, offset, frames, place: next }
}

/**
 * The end of a run once more, without an id: a client that lost its connection between the end of
 * the run and that of the response waits for it.
 */
const endOf = ({ event }: AgUiChunk) => `data: ${JSON.stringify(event)}\n\n`

/** Restores the parts that the client has of the message that is written. */
const received = (state: AgUiState, { parts }: AgUiPlace): AgUiState =>
  state.writing ? { ...state, writing: { ...state.writing, parts } } : state

/**
 * Restores the parts for an event whose chunks the client has in part. Parts that the event itself
 * has begun to send are restored as unsent: their slots tell what is left.
 */
function receivedOf(state: AgUiState, place: AgUiPlace, event: Event): AgUiState {
  if (event.type !== 'output.message.completed') return received(state, place)
  const { slot } = place
  const { reasoning, text, calls } = place.parts
  const made = toolCallsIn(event.data.message.content)
  const isBegun = (id: string) =>
    slot >= agUiSlots.calls + 3 * made.findIndex((call) => call.id === id)
  const unsent = new Map(
    [...calls].flatMap(([id, call]) => {
      const args = made.find((one) => one.id === id)?.function.arguments
      return isBegun(id) ? [] : [[id, { ...call, sent: args ?? call.sent }] as const]
    }),
  )
  const parts = {
    reasoning: slot >= agUiSlots.reasoning ? 'none' : reasoning,
    text: slot >= agUiSlots.text ? 'none' : text,
    calls: unsent,
  } as const
  return received(state, { ...place, parts })
}

/** Ends of parts have no fixed slots: the parts that are still open are due. */
const dueOf = (chunks: readonly AgUiChunk[], { slot }: AgUiPlace): AgUiChunk[] =>
  chunks.flatMap((chunk) => {
    if (chunk.slot > slot) return [chunk]
    const isEnd = chunk.slot < agUiSlots.snapshot && chunk.event.type !== 'RUN_STARTED'
    return isEnd ? [{ ...chunk, slot: slot + 1 + chunk.slot }] : []
  })

function framesOf(chunks: readonly AgUiChunk[], place: AgUiPlace): string {
  let { parts } = place
  const frames = chunks.map(({ slot, event }) => {
    parts = partsAfter(parts, event)
    return frameWithId(placeId({ ...place, slot, parts }), event)
  })
  return frames.join('')
}

const frameWithId = (id: string, event: AgUiEvent) =>
  `id: ${id}\ndata: ${JSON.stringify(event)}\n\n`

/** Folds the events of a stream from a position on. */
export function foldFrom({ state, place }: RunPosition) {
  let now = state
  let { eventId, slot: last } = place
  return (event: Event, at: string) => {
    const group = foldAgUi(now, event)
    let parts = now.writing?.parts ?? noParts
    if (event.sequence !== undefined) [eventId, last] = [at, agUiSlots.delta]
    const frames = group.chunks.map((chunk) => {
      parts = partsAfter(parts, chunk.event)
      if (chunk.slot === agUiSlots.delta) [eventId, last] = [at, agUiSlots.delta]
      else if (chunk.slot > agUiSlots.delta) last += 1
      const slot = chunk.slot < agUiSlots.delta ? chunk.slot : last
      return frameWithId(placeId({ eventId, slot, parts }), chunk.event)
    })
    now = group.state
    return { frames: frames.join(''), isLast: now.isOver }
  }
}
