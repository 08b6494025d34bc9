import type { List } from '@outlast/sdk'
import type { Flags, Given } from './command.ts'
import { UsageError } from './failure.ts'
import type { Output } from './output.ts'

/** Flags of every command that lists. */
export const listFlags = {
  limit: { type: 'string', short: 'n', value: 'N', about: 'how many at most (20)' },
  all: { type: 'boolean', about: 'every one' },
} as const satisfies Flags

const limitDefault = 20

/** The first of a list, as many as were asked for; tells when there are more. */
export async function take<T>(
  list: List<T>,
  flags: Given<typeof listFlags>,
  out: Output,
): Promise<T[]> {
  const most = flags.all ? Infinity : countOf(flags.limit ?? String(limitDefault), '--limit')
  const rows: T[] = []
  for await (const row of list) {
    if (rows.length === most) {
      out.note(`There are more: --limit ${most * 5} or --all shows them.`)
      break
    }
    rows.push(row)
  }
  return rows
}

/** Contract: throws a UsageError for what is no whole number from 1 on. */
export function countOf(text: string, flag: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`${flag} takes a whole number from 1 on.`)
  return Number(text)
}
