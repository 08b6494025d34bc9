const wantedMs = 60_000

/** Sessions whose events another node has asked for, each for 60 s after its last question. */
export function createWanted(clock: () => number = () => performance.now()) {
  /** The times at which the questions lapse, earliest first. */
  const until = new Map<string, number>()
  return {
    add(session: string) {
      const now = clock()
      for (const [earliest, end] of until) {
        if (end > now) break
        until.delete(earliest)
      }
      until.delete(session)
      until.set(session, now + wantedMs)
    },
    has: (session: string) => (until.get(session) ?? 0) > clock(),
  }
}
