import { imagesIn } from '../../store/sessions/conversation.ts'
import type { LoggedEvent } from './state.ts'

const mebibytesMax = 64

/** Base64 characters that images in results of a turn may still have: a node holds all of them. */
export type ImageRoom = { left: number }

/** The room that the events of a turn leave. */
export function imageRoomAfter(events: readonly LoggedEvent[]): ImageRoom {
  let left = mebibytesMax * 1024 * 1024
  for (const { type, data } of events) {
    if (type !== 'tool.completed') continue
    for (const { base64 } of imagesIn(data.result)) left -= base64?.length ?? 0
  }
  return { left }
}

/** Takes room for an image; false if there is not enough. */
export function takeImageRoom(room: ImageRoom, length: number): boolean {
  if (length > room.left) return false
  room.left -= length
  return true
}

/** The text in place of images. */
export const omittedImages = (count: number) =>
  `[${count} ${count === 1 ? 'image' : 'images'} omitted: the results of this turn can have ${mebibytesMax} MiB of images]`
