/**
 * Bytes of texts of results that a turn holds before further ones are cut to their beginnings and
 * ends. Images have a limit of their own.
 */
export const resultsBytesMax = 64 * 1024 * 1024

/** Limit of a result for which its turn has no room. */
const lateBytesMax = 1024

/** The room of a turn for results. */
export type ResultRoom = { bytesLeft: number }

export const resultRoom = (bytesHeld: number): ResultRoom => ({
  bytesLeft: resultsBytesMax - bytesHeld,
})

/** Takes room for a text of a result. Returns the limit of the text in bytes. */
export function limitResult(room: ResultRoom, text: string, bytesMax: number): number {
  const limit = room.bytesLeft > 0 ? bytesMax : Math.min(bytesMax, lateBytesMax)
  room.bytesLeft -= Math.min(text.length, limit)
  return limit
}
