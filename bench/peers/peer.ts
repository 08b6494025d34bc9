import type { Crowd, Result } from '../crowd.ts'

/** What a turn does: one model call, or two with two tools called side by side in between. */
export type TurnKind = 'text' | 'tools'

/** A system beside ours, or ours. */
export type Peer = {
  name: string
  measure: (kind: TurnKind, crowd: Crowd) => Promise<Result>
  stop: () => Promise<void>
}

/** The answer of every fake model, anywhere: about as long as that of our simulated one. */
export const answer =
  'You said "Hello". I am no real model, so there is nothing that I could think about it; but what I say here was stored, and so was what you said.'
