import type { Decider, EventDataOf, Feedback, NewFeedback, Rating } from '@outlast/contract'
import { isSameFeedback, withFeedback } from '@outlast/sdk/feedback'
import { ApiError, invalidAt } from '../../errors.ts'
import { atomically, type Db } from '../../store/database.ts'
import { type EventRow, findMessageEvents } from '../../store/log/events.ts'
import { publishEvents } from '../../store/log/publish.ts'
import {
  appendFeedback,
  feedbackMax,
  hasTurn,
  readFeedback,
} from '../../store/sessions/feedback.ts'
import { findSequence } from '../../store/sessions/messages.ts'
import { lockSession } from '../../store/turns/supersessions.ts'
import type { Node } from '../node.ts'

type Given = EventDataOf<'feedback.given'>

export type FeedbackOf = { orgId: string; sessionId: string; wanted: NewFeedback; by: Decider }

/** `publish` is set for a rating that was stored; it is called after the commit. */
export type StoredFeedback = { feedback: Feedback; publish?: () => void }

/**
 * Stores a rating as an event of the session, also while a turn runs. The same rating again, and
 * the withdrawal of none, store nothing.
 * Contract: throws 404 for a session, message or turn that does not exist, 400 unless one of them
 * is rated, and `feedback_full`.
 */
export async function giveFeedback(
  { bus }: Pick<Node, 'bus'>,
  db: Db,
  { orgId, sessionId, wanted, by }: FeedbackOf,
): Promise<StoredFeedback> {
  const given = givenIn(wanted, by)
  const sequence = await findSequence(db, orgId, sessionId)
  if (sequence === undefined) throw new ApiError('not_found', 'Session')
  // Before the lock, which appends of a turn wait for: these read the log.
  await checkFeedbackTarget(db, sessionId, given)
  const earlier = await readFeedback(db, sessionId, { upTo: sequence })
  return atomically(db, async (db) => {
    await lockSession(db, orgId, sessionId)
    const rows = [...earlier, ...(await readFeedback(db, sessionId, { after: sequence }))]
    const before = inForce(rows)
    const current = before.find((one) => isSameFeedback(one, given))
    if (given.rating === null && !current) return { feedback: { ...given, given_at: null } }
    if (current?.rating === given.rating && current.comment === given.comment) {
      return { feedback: current }
    }
    if (given.rating !== null && rows.length >= feedbackMax) {
      throw new ApiError('feedback_full', String(feedbackMax))
    }
    const after = kindsOf(withFeedback(before, given, ''))
    const event = { type: 'feedback.given', context: '{}', data: JSON.stringify(given) } as const
    const stored = await appendFeedback(db, { orgId, sessionId, event, inForce: after })
    const publish = () => publishEvents(bus, { orgId, sessionId }, stored)
    return { feedback: { ...given, given_at: stored.ts }, publish }
  })
}

/** Contract: throws 400 unless exactly one of message and turn is named. */
function givenIn({ message_id, turn_id, rating, comment }: NewFeedback, by: Decider): Given {
  if ((message_id == null) === (turn_id == null)) {
    throw invalidAt('message_id', 'must be given, or turn_id, but not both')
  }
  const hasComment = comment != null && comment !== ''
  if (rating === null && hasComment) throw invalidAt('comment', 'needs a rating')
  return {
    ...(message_id != null && { message_id }),
    ...(turn_id != null && { turn_id }),
    rating,
    ...(hasComment && { comment }),
    given_by: by,
  }
}

async function checkFeedbackTarget(db: Db, sessionId: string, { message_id, turn_id }: Given) {
  if (message_id === undefined) {
    if (!(await hasTurn(db, sessionId, turn_id!))) throw new ApiError('not_found', 'Turn')
    return
  }
  const rows = await findMessageEvents(db, sessionId, message_id)
  const idIn = ({ data }: EventRow) => (JSON.parse(data) as { message: { id: string } }).message.id
  if (!rows.some((row) => idIn(row) === message_id)) throw new ApiError('not_found', 'Message')
}

const inForce = (rows: readonly EventRow[]) =>
  rows.reduce<Feedback[]>((all, { data, ts }) => withFeedback(all, JSON.parse(data), ts), [])

function kindsOf(all: readonly Feedback[]): Rating[] {
  return (['up', 'down'] as const).filter((kind) => all.some(({ rating }) => rating === kind))
}

/** The kinds of ratings in force as of an event. */
export const feedbackAsOf = async (db: Db, sessionId: string, upTo: number): Promise<Rating[]> =>
  kindsOf(inForce(await readFeedback(db, sessionId, { upTo })))
