import { livePauseMs } from './live-message.ts'

/** Parts of a text come in bursts: the first is published at once, the rest at most every 50 ms. */
export function pacedPerSession(work: (session: string) => void): (session: string) => void {
  const pausing = new Map<string, { again: boolean }>()
  return function begin(session) {
    const pause = pausing.get(session)
    if (pause) {
      pause.again = true
      return
    }
    work(session)
    const begun = { again: false }
    pausing.set(session, begun)
    setTimeout(() => {
      pausing.delete(session)
      if (begun.again) begin(session)
    }, livePauseMs)
  }
}
