import type { Given } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import type { Flags } from '../core/flags.ts'
import type { Rows } from '../output/rows.ts'

/** Flags of commands that print a list. */
export const listFlags = {
  limit: { type: 'string', short: 'n', value: 'N', about: 'maximum number of rows (20)' },
  all: { type: 'boolean', about: 'print all rows' },
} as const satisfies Flags

const limitDefault = 20
/** Page size limit of the server. */
const pageMax = 100

const mostOf = (flags: Given<typeof listFlags>) =>
  flags.all ? Infinity : countOf(flags.limit ?? String(limitDefault), '--limit')

/** Takes the first items of a list. `hint` reports whether there are more. */
export function take<T>(
  listOf: (page: { limit: number }) => AsyncIterable<T>,
  flags: Given<typeof listFlags>,
): Rows<T> {
  const most = mostOf(flags)
  let hasMore = false
  async function* rows() {
    let count = 0
    for await (const row of listOf({ limit: Math.min(pageMax, most + 1) })) {
      hasMore = count === most
      if (hasMore) return
      count += 1
      yield row
    }
  }
  return {
    [Symbol.asyncIterator]: rows,
    hint: () => (hasMore ? `There are more. Use --limit ${most * 5} or --all.` : undefined),
  }
}

/** Contract: throws a UsageError for a text that is not a whole number of at least `least`. */
export function countOf(text: string, flag: string, least = 1): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < least) {
    throw new UsageError(`${flag} must be a whole number of at least ${least}.`)
  }
  return Number(text)
}

/** The same for an optional flag. */
export const countIfGiven = (text: string | undefined, flag: string, least = 1) =>
  text === undefined ? undefined : countOf(text, flag, least)
