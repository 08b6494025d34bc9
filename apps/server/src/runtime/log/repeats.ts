import type { ToolCall } from '@outlast/contract'
import { textHash } from '../../store/stored-texts.ts'

/** How many replies in a row made each call, by its name and arguments. */
export type Repeats = Readonly<Record<string, number>>

/** A reply without a call resets its count. */
export function repeated(before: Repeats, calls: readonly ToolCall[]): Repeats {
  const now: Record<string, number> = {}
  for (const { name, arguments: input } of calls) {
    const call = textHash(`${name} ${JSON.stringify(input)}`)
    now[call] = (now[call] ?? before[call] ?? 0) + 1
  }
  return now
}
