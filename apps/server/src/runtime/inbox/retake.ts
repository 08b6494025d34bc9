import type { EventDataOf, EventMessage, NewRetake, Session } from '@outlast/contract'
import { checkTurnSettings } from '../../capabilities/turns/turn-settings.ts'
import { ApiError } from '../../errors.ts'
import { databaseNow, newId } from '../../ids.ts'
import { atomically, type Db } from '../../store/database.ts'
import { type EventRow, findMessageEvents, readEvents } from '../../store/sessions/events.ts'
import { getForkSource } from '../../store/sessions/forks.ts'
import type { SessionScope } from '../../store/sessions/scope.ts'
import { getSession } from '../../store/sessions/sessions.ts'
import { type Supersession, supersede } from '../../store/sessions/supersessions.ts'
import type { Node } from '../node.ts'
import { acceptInput, checkContent } from './accept.ts'
import { checkFork, forkSession } from './fork.ts'
import { withImageNames } from './message-images.ts'

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
 * another one there, in one transaction. A repeat returns the same session and message.
 * Contract: throws 404, `message_not_retakable`, `session_not_idle`, `session_superseded`, and the
 * errors of a fork and of a message.
 */
export async function retakeMessage(
  node: Node,
  db: Db,
  { orgId, sessionId, wanted, byToken = false, ...by }: RetakeOptions,
): Promise<Retaken> {
  const source = await getForkSource(db, orgId, sessionId)
  const original = await findOriginal(db, sessionId, wanted.message_id)
  const sequence = original.sequence - 1
  const about = { orgId, sessionId, byToken, wanted, original: original.message }
  const changed = await retakenMessage(db, about)
  await checkFork(node, db, { orgId, source, sequence })
  return atomically(db, async (db) => {
    const id = newId('session')
    const superseded = await supersede(db, { orgId, sessionId, by: id, kind: 'retake' })
    if (!superseded.isDone)
      return earlierRetake(db, { orgId, sessionId, sequence, changed, superseded })
    const taken = { id, key: superseded.key }
    const fork = { orgId, sessionId, source, sequence, changes: {}, taken }
    const { id: forkId } = await forkSession(node, db, fork)
    const created_at = new Date(databaseNow()).toISOString()
    const message = { ...changed, id: newId('message'), created_at }
    const sent = { orgId, sessionId: forkId, message, ...by, mayBegin: true }
    const accepted = await acceptInput(node, db, { ...sent, onBusy: 'steer' })
    const session = await getSession(db, orgId, forkId)
    return { session, message, sequence: accepted.sequence, publish: accepted.publish }
  })
}

type Original = { sequence: number; message: EventMessage }

const messageIn = ({ data }: EventRow) => (JSON.parse(data) as EventDataOf<'input.message'>).message

async function findOriginal(db: Db, sessionId: string, messageId: string): Promise<Original> {
  const rows = await findMessageEvents(db, sessionId, messageId)
  const row = rows.find((row) => messageIn(row).id === messageId)
  if (!row) throw new ApiError('not_found', 'Message')
  if (row.type !== 'input.message') throw new ApiError('message_not_retakable', messageId)
  return { sequence: row.sequence, message: messageIn(row) }
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
  changed: EventMessage
  superseded: Supersession
}

/** The fields in which a repeat equals the first call. */
const contentAndContext = ({ content, context = null }: EventMessage) =>
  JSON.stringify([content, context])

/** The session and the message of an earlier retake, if that was the same one. */
async function earlierRetake(
  db: Db,
  { orgId, sessionId, sequence, changed, superseded }: Earlier,
): Promise<Retaken> {
  const { by } = superseded
  if (by === null) throw new ApiError('session_not_idle')
  const session = await getSession(db, orgId, by)
  const from = session.forked_from
  const isSameCut = from?.session_id === sessionId && from.sequence === sequence
  const read = { after: sequence, types: ['input.message'], limit: 1 }
  const [row] = isSameCut ? await readEvents(db, by, read) : []
  const message = row && messageIn(row)
  if (!message || contentAndContext(message) !== contentAndContext(changed)) {
    throw new ApiError('session_superseded', by)
  }
  return { session, message, sequence: row.sequence }
}
