import { setTimeout as sleep } from 'node:timers/promises'
import type { ByteAccount } from '../../outbound/byte-account.ts'
import { type Conversation, imagesIn } from '../../store/log/conversation.ts'
import type { LoggedEvent } from '../log/state.ts'
import type { Turn } from './attempt.ts'

/** Longest wait for room in memory. */
export const roomWaitMs = 60_000
const pauseMs = 100

/**
 * Takes room in an account of a turn, its organization and the node for what stays in memory until
 * the turn ends.
 * Contract: waits up to 60 s while other turns use the room; false if there is none.
 */
export async function takeRoom(
  account: ByteAccount,
  length: number,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + roomWaitMs
  while (!account.take(length)) {
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
export const keepImage = async (
  { fetchBudget: { account }, signal }: Pick<Turn, 'fetchBudget' | 'signal'>,
  length: number,
) => account.fits(length) && takeRoom(account, length, signal)

/** Base64 characters of all images of a request. */
export const sentLengthMax = 32 * 1024 * 1024

/** In place of the base64 of an image for which no request has room. */
export const leftOut = '(left out)'

type Content = Conversation['entries'][number]['message']['content']

const imagesOf = (content: Content) =>
  content.flatMap((part) => {
    if (part.type === 'image') return [part]
    return part.type === 'tool_result' ? imagesIn(part.result) : []
  })

/**
 * Removes the images for which no request has room, because newer ones need it. Those after an
 * event, which no model has received, are kept. Returns the number of removed characters.
 */
export function leaveOutImages({ entries }: Conversation, seen: number): number {
  let left = sentLengthMax
  let removed = 0
  // A message that is retried has two entries.
  const messages = new Map(entries.map(({ sequence, message }) => [message, sequence]))
  for (const [{ content }, sequence] of [...messages].reverse()) {
    for (const image of imagesOf(content).reverse()) {
      const length = image.base64?.length ?? 0
      left -= length
      if (left >= 0 || length === 0 || sequence > seen) continue
      image.base64 = leftOut
      removed += length
    }
  }
  return removed
}
