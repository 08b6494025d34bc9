/** Bytes held in memory, with a limit for each level: a turn, its organization, the node. */
export type ByteAccount = {
  /** Books bytes here and in every account above. False, with nothing booked, if one is full. */
  take: (bytes: number) => boolean
  give: (bytes: number) => void
  readonly held: number
}

export function createByteAccount(bytesMax: number, parent?: ByteAccount): ByteAccount {
  let held = 0
  return {
    take(bytes) {
      if (held + bytes > bytesMax || parent?.take(bytes) === false) return false
      held += bytes
      return true
    },
    give(bytes) {
      held -= bytes
      parent?.give(bytes)
    },
    get held() {
      return held
    },
  }
}
