/** Counts bytes in memory, with a limit per level: turn, organization and node. */
export type ByteAccount = {
  /**
   * Reserves bytes here and in all parent accounts. False, with nothing reserved, when one is full.
   */
  take: (bytes: number) => boolean
  /** Counts bytes that are in memory already, here and in all parent accounts. */
  add: (bytes: number) => void
  give: (bytes: number) => void
  /** True if this account has room, whether or not its parents have it. */
  fits: (bytes: number) => boolean
  readonly held: number
}

/** Limits of all organizations on a node, and of each. */
export type SharedBytes = { node: number; organization: number }

/** Creates the accounts of a node: returns that of an organization. */
export function createByteAccounts({ node, organization }: SharedBytes) {
  const nodeAccount = createByteAccount(node)
  const accounts = new Map<string, ByteAccount>()
  return (orgId: string): ByteAccount => {
    const account = accounts.get(orgId) ?? createByteAccount(organization, nodeAccount)
    accounts.set(orgId, account)
    return account
  }
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
    add(bytes) {
      held += bytes
      parent?.add(bytes)
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
