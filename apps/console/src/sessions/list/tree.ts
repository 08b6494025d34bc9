import type { Session } from '@outlast/sdk'

/** A session of a list, below its source if that is on the same page. */
export type TreeRow = { session: Session; depth: number }

/**
 * Moves forks below their sources, the newest first. Contract: each session occurs once; the order
 * of all others stays.
 */
export function asTree(sessions: readonly Session[]): TreeRow[] {
  const listed = new Set(sessions.map(({ id }) => id))
  const forksOf = Map.groupBy(sessions, ({ id, forked_from }) =>
    forked_from && forked_from.session_id !== id && listed.has(forked_from.session_id)
      ? forked_from.session_id
      : '',
  )
  const rows: TreeRow[] = []
  const add = (session: Session, depth: number) => {
    rows.push({ session, depth })
    for (const fork of forksOf.get(session.id) ?? []) add(fork, depth + 1)
  }
  for (const session of forksOf.get('') ?? []) add(session, 0)
  return rows
}

/** The rows of a list whose order is not by age. */
export const asFlat = (sessions: readonly Session[]): TreeRow[] =>
  sessions.map((session) => ({ session, depth: 0 }))
