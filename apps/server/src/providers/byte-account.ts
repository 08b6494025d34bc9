/** Counts bytes in memory, with a limit per level: turn, organization and node. */
export type ByteAccount = {
  /**
   * Reserves bytes here and in all parent accounts. False, with nothing reserved, when one is full.
   */
  take: (bytes: number) => boolean
  give: (bytes: number) => void
  /** True if this account has room, whether or not its parents have it. */
  fits: (bytes: number) => boolean
  readonly held: number
}

export function createByteAccount(bytesMax: number, parent?: ByteAccount): ByteAccount {
  let held = 0
  const fits = (bytes: number) => held + bytes <= bytesMax
  return {
    fits,
    take(bytes) {
      if (!fits(bytes) || parent?.take(bytes) === false) return false
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
