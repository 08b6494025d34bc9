import type { Decider, EventDataOf, Feedback } from '@outlast/contract'

type Given = Pick<Feedback, 'message_id' | 'turn_id' | 'given_by'>

/**
 * Identifies a giver of feedback. An end user is one giver with all tokens, and so are all tokens
 * of one session.
 */
export function giverOf({ kind, id, user }: Decider): string {
  if (user !== undefined) return `end_user ${user}`
  return kind === 'token' ? kind : `${kind} ${id}`
}

/** True if one rating replaces the other: same giver, same message or turn. */
export const isSameFeedback = (one: Given, other: Given) =>
  one.message_id === other.message_id &&
  one.turn_id === other.turn_id &&
  giverOf(one.given_by) === giverOf(other.given_by)

/** Adds a rating to those in force: it replaces an earlier one, and null removes it. Pure. */
export function withFeedback(
  inForce: readonly Feedback[],
  given: EventDataOf<'feedback.given'>,
  given_at: string,
): Feedback[] {
  const others = inForce.filter((one) => !isSameFeedback(one, given))
  return given.rating === null ? others : [...others, { ...given, given_at }]
}
