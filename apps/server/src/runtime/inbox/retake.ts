import type { EventContext, EventDataOf, EventMessage, NewRetake, Session } from '@outlast/contract'
import { checkTurnSettings } from '../../capabilities/turns/turn-settings.ts'
import { ApiError } from '../../errors.ts'
import { databaseNow, newId } from '../../ids.ts'
import { atomically, type Db } from '../../store/database.ts'
import {
  type EventRow,
  findMessageEvents,
  readBackwards,
  readEvents,
} from '../../store/log/events.ts'
import type { SessionScope } from '../../store/scope.ts'
import { getForkSource } from '../../store/sessions/forks.ts'
import { getSession } from '../../store/sessions/sessions.ts'
import { retryTurn } from '../../store/turns/retries.ts'
import type { Supersession } from '../../store/turns/supersessions.ts'
import type { Node } from '../node.ts'
import { acceptInput, checkContent, inputContext, type MessageToAccept } from './accept.ts'
import { checkFork, forkSession } from './fork.ts'
import { withImageNames } from './message-images.ts'
import { takePlace } from './take-place.ts'

export type RetakeOptions = {
  orgId: string
  sessionId: string
  wanted: NewRetake
  /**
   * The caller is a token: an edited message has no author, and can only have images of the
   * session.
   */
  byToken?: boolean
  /** Its sender, if that is an end user with limited turns. */
  endUser?: SessionScope | undefined
  /** The trace context of the caller, as a `traceparent` header. */
  traceparent?: string | undefined
}

/** `publish` is set for a new retake; it is called after the commit. */
export type Retaken = {
  session: Session
  message: EventMessage
  sequence: number
  publish?: () => void
}

/**
 * Forks a session before a message of a user, moves its key to the fork, and sends the message or
 * another one there, in one transaction. A repeat returns the same session and message. A message
 * that waited for a turn is replaced in the fork, which begins before the turn: the turn that it
 * waited for stays as it was.
 * Contract: throws 404, `message_not_retakable`, `session_not_idle`, `session_superseded`, and the
 * errors of a fork and of a message.
 */
export async function retakeMessage(
  node: Node,
  db: Db,
  { orgId, sessionId, wanted, byToken = false, ...by }: RetakeOptions,
): Promise<Retaken> {
  const source = await getForkSource(db, orgId, sessionId)
  const original = await getOriginal(db, sessionId, wanted.message_id)
  const begun = await turnAfterWait(db, sessionId, original)
  const sequence = (begun ?? original.sequence) - 1
  const about = { orgId, sessionId, byToken, wanted, original: original.data.message }
  const changed = await retakenMessage(db, about)
  await checkFork(node, db, { orgId, source, sequence })
  return atomically(db, async (db) => {
    const id = newId('session')
    const superseded = await takePlace(db, { orgId, sessionId, by: id, kind: 'retake' })
    if (!superseded.isDone)
      return earlierRetake(db, { orgId, sessionId, sequence, original, changed, superseded })
    const created_at = new Date(databaseNow()).toISOString()
    const message = { ...changed, id: newId('message'), created_at }
    const replaced = begun === undefined ? undefined : replacing(original, message, by.traceparent)
    const taken = { key: superseded.key }
    const fork = { orgId, sessionId, id, source, sequence, changes: {}, replaced, taken }
    await forkSession(node, db, fork)
    const sent = { orgId, sessionId: id, message, ...by }
    const accepted = replaced
      ? await beginReplaced(node, db, { ...sent, sequence: replaced.sequence })
      : await acceptInput(node, db, { ...sent, mayBegin: true, onBusy: 'steer' })
    const session = await getSession(db, orgId, id)
    return { session, message, sequence: accepted.sequence, publish: accepted.publish }
  })
}

type Input = EventDataOf<'input.message'>

type Original = { sequence: number; data: Input }

const messageIn = ({ data }: EventRow) => (JSON.parse(data) as Input).message

/**
 * Returns a message of a user. Contract: throws 404, and `message_not_retakable` for a reply.
 */
export async function getOriginal(db: Db, sessionId: string, messageId: string): Promise<Original> {
  const rows = await findMessageEvents(db, sessionId, messageId)
  const row = rows.find((row) => messageIn(row).id === messageId)
  if (!row) throw new ApiError('not_found', 'Message')
  if (row.type !== 'input.message') throw new ApiError('message_not_retakable', messageId)
  return { sequence: row.sequence, data: JSON.parse(row.data) as Input }
}

const rowsAtOnce = 100

/** The sequence at which the turn of a message begins, if that waited for another turn to end. */
async function turnAfterWait(db: Db, sessionId: string, { sequence, data }: Original) {
  const { on_busy, message } = data
  const type = ['session.activated', 'session.idled'] as const
  const [before] = await readBackwards(db, sessionId, { type, before: sequence, limit: 1 })
  const isQueued = on_busy === 'queue'
  if (!isQueued && before?.type !== 'session.activated') return undefined
  // A turn may end before it begins. One turn begins for all messages that were too late.
  const ofTurns = ['session.activated', 'output.message.started']
  const types = [...ofTurns, 'turn.cancelled', 'turn.failed']
  for (let after = sequence; ; ) {
    const rows = await readEvents(db, sessionId, { after, types, limit: rowsAtOnce })
    const found = rows.find(
      ({ type, context }) => isFor(context, message) || (!isQueued && ofTurns.includes(type)),
    )
    // The running turn has read the message with its next model call.
    if (found) return found.type === 'output.message.started' ? undefined : found.sequence
    if (rows.length < rowsAtOnce) return undefined
    after = rows.at(-1)!.sequence
  }
}

const isFor = (context: string, { id }: EventMessage) =>
  (JSON.parse(context) as EventContext).input_message_id === id

/** In the copy the message is a queued one, also if it was to join a turn in the source. */
const replacing = ({ sequence }: Original, message: EventMessage, traceparent?: string) => ({
  sequence,
  context: inputContext(message, traceparent),
  data: JSON.stringify({ on_busy: 'queue', message }),
})

type Replaced = Omit<MessageToAccept, 'onBusy' | 'mayBegin'> & { sequence: number }

/** Begins the turn of a message that a fork has. Contract: throws `too_many_turns`. */
async function beginReplaced(
  { quotas: { turnsMax, userTurnsMax } }: Node,
  db: Db,
  { orgId, sessionId, message, sequence, endUser }: Replaced,
) {
  const by = endUser && { user: endUser, max: userTurnsMax }
  const turn = { orgId, sessionId, turnId: newId('turn'), turnsMax, by }
  const input = { messageId: message.id, sequence }
  if (!(await retryTurn(db, { ...turn, input }))) throw new ApiError('too_many_turns')
  return { sequence, publish: () => {} }
}

type Wanted = Pick<RetakeOptions, 'orgId' | 'sessionId' | 'wanted'> & {
  byToken: boolean
  original: EventMessage
}

/**
 * The original message with the changes of the caller. It keeps the settings of the original, also
 * when an end user edits it: they are the operator's.
 */
async function retakenMessage(db: Db, { original, ...about }: Wanted): Promise<EventMessage> {
  const { context: earlier, external_actor, ...kept } = original
  const { context: given, message } = about.wanted
  const isByOther = about.byToken && message != null
  const context = given == null ? earlier : checkTurnSettings({ context: given }).context
  const content = await retakenContent(db, { original, ...about })
  return {
    ...kept,
    content,
    ...(context && { context }),
    ...(external_actor && !isByOther && { external_actor }),
  }
}

async function retakenContent(
  db: Db,
  { orgId, sessionId, byToken, wanted: { message }, original }: Wanted,
): Promise<EventMessage['content']> {
  if (message == null) return original.content
  checkContent(message.content, 'message/content')
  return withImageNames(db, { orgId, sessionId, ownOnly: byToken }, message.content)
}

type Earlier = {
  orgId: string
  sessionId: string
  sequence: number
  original: Original
  changed: EventMessage
  superseded: Supersession
}

/** The fields in which a repeat equals the first call. */
const contentAndContext = ({ content, context = null }: EventMessage) =>
  JSON.stringify([content, context])

/** The session and the message of an earlier retake, if that was the same one. */
async function earlierRetake(
  db: Db,
  { orgId, sessionId, sequence, original, changed, superseded }: Earlier,
): Promise<Retaken> {
  const { by } = superseded
  if (by === null) throw new ApiError('session_not_idle')
  const session = await getSession(db, orgId, by)
  const from = session.forked_from
  const isSameCut = from?.session_id === sessionId && from.sequence === sequence
  const read = { after: original.sequence - 1, types: ['input.message'], limit: 1 }
  const [row] = isSameCut ? await readEvents(db, by, read) : []
  const message = row && messageIn(row)
  // Of several messages that waited for one turn, the copy has the others under their own ids.
  const isRetaken = message && message.id !== original.data.message.id
  if (!isRetaken || contentAndContext(message) !== contentAndContext(changed)) {
    throw new ApiError('session_superseded', by)
  }
  return { session, message, sequence: row.sequence }
}
