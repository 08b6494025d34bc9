/** What the address of the list of sessions says. */
export type SessionSearch = {
  search?: string | undefined
  status?: 'started' | 'active' | 'idle' | undefined
  agent?: string | undefined
  tag?: string | undefined
  /** A new session is being made. */
  new?: boolean | undefined
}
