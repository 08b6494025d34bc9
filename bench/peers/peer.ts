import type { Crowd, Result } from '../core/crowd.ts'

/** The kind of a turn: one model call, or two with two parallel tool calls in between. */
export type TurnKind = 'text' | 'tools'

/** A compared system, or ours. */
export type Peer = {
  name: string
  measure: (kind: TurnKind, crowd: Crowd) => Promise<Result>
  stop: () => Promise<void>
}

/** The answer of every fake model of the peers: about as long as that of our simulated one. */
export const answer =
  'You said "Hello". I am no real model, so there is nothing that I could think about it; but what I say here was stored, and so was what you said.'
