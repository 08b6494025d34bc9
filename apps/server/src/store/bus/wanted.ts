const wantedMs = 300_000
/** A writer that sends no events, such as an older node, is not asked at each append. */
const askPauseMs = 5_000

/** Sessions whose events another node has asked for, each for 5 minutes after its last question. */
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

/** Asks for the events of a session, at most every 5 s until it is forgotten. */
export function createQuestions(
  ask: (session: string) => void,
  clock: () => number = () => performance.now(),
) {
  const askedAt = new Map<string, number>()
  return {
    ask(session: string) {
      if (clock() - (askedAt.get(session) ?? Number.NEGATIVE_INFINITY) < askPauseMs) return
      askedAt.set(session, clock())
      ask(session)
    },
    forget: (session: string) => void askedAt.delete(session),
  }
}
