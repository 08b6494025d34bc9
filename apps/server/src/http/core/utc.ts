import { invalidAt } from '../../errors.ts'

/**
 * A time in UTC: PostgreSQL takes fewer offsets and years than RFC 3339 has.
 * Contract: throws 400 for a time outside the years 1 to 9999.
 */
export function utcOf(path: string, text: string): string {
  // A leap second is read as the second before it.
  const time = new Date(text.replace(/:60(?=[.Zz+-])/, ':59'))
  const utc = Number.isNaN(time.getTime()) ? '' : time.toISOString()
  if (/^(?!0000)\d{4}-/.test(utc)) return utc
  throw invalidAt(path, 'must be a time of the years 1 to 9999')
}

/** A query with its times in UTC. */
export function inUtc<Q extends { since?: string; until?: string }>(query: Q): Q {
  const utc = { ...query }
  for (const key of ['since', 'until'] as const) {
    if (utc[key] !== undefined) utc[key] = utcOf(key, utc[key])
  }
  return utc
}
