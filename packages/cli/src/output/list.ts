import type { Given } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import type { Flags } from '../core/flags.ts'
import type { Rows } from './output.ts'

/** Flags of every command that lists. */
export const listFlags = {
  limit: { type: 'string', short: 'n', value: 'N', about: 'how many at most (20)' },
  all: { type: 'boolean', about: 'every one' },
} as const satisfies Flags

const limitDefault = 20
/** How many the server gives at once. */
const pageMax = 100

const mostOf = (flags: Given<typeof listFlags>) =>
  flags.all ? Infinity : countOf(flags.limit ?? String(limitDefault), '--limit')

/** The first items of a list, at most the requested number; `hint` has whether there are more. */
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
    hint: () => (hasMore ? `There are more: --limit ${most * 5} or --all shows them.` : undefined),
  }
}

/** Contract: throws a UsageError for what is no whole number from `least` on. */
export function countOf(text: string, flag: string, least = 1): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < least) {
    throw new UsageError(`${flag} takes a whole number from ${least} on.`)
  }
  return Number(text)
}

/** The same for a flag that need not be given. */
export const countIfGiven = (text: string | undefined, flag: string, least = 1) =>
  text === undefined ? undefined : countOf(text, flag, least)

/** A list inside a response; none if a server of another version sends something else. */
export const listIn = <T>(value: readonly T[] | null | undefined): readonly T[] =>
  Array.isArray(value) ? value : []
