import { setTimeout as sleep } from 'node:timers/promises'
import { imagesIn } from '../../store/sessions/conversation.ts'
import type { LoggedEvent } from '../log/state.ts'
import type { Turn } from './attempt.ts'

const waitMs = 60_000
const pauseMs = 100

/**
 * Takes room in the budget of the turn, its organization and the node for an image that stays in
 * memory until the turn ends.
 * Contract: waits up to 60 s while other turns use the room; false if there is none.
 */
export async function takeRoom(
  { fetchBudget, signal }: Pick<Turn, 'fetchBudget' | 'signal'>,
  length: number,
): Promise<boolean> {
  const deadline = performance.now() + waitMs
  while (!fetchBudget.account.take(length)) {
    if (performance.now() > deadline || signal.aborted) return false
    await sleep(pauseMs, undefined, { signal }).catch(() => {})
  }
  return true
}

/** Base64 characters of the images in results. */
export function imagesLength(events: readonly LoggedEvent[]): number {
  let length = 0
  for (const { type, data } of events) {
    if (type !== 'tool.completed') continue
    for (const { base64 } of imagesIn(data.result)) length += base64?.length ?? 0
  }
  return length
}

/** Takes room for an image of a result, at once if the turn itself has none. */
export const keepImage = async (turn: Pick<Turn, 'fetchBudget' | 'signal'>, length: number) =>
  turn.fetchBudget.account.fits(length) && takeRoom(turn, length)
