import fc from 'fast-check'

/**
 * A tool call of a reply: whether it succeeds, needs approval, or runs on the client, and how many
 * sets of questions it asks if it runs here.
 */
export type Tool = { succeeds: boolean; asks: boolean; isClients: boolean; questions: number }

/** The script of a run: model output, tool behavior, and messages, answers and cancels. */
export type World = {
  iterationsMax: number
  /** One entry per model call: the requested tools, none for a final answer, or a failure. */
  replies: { tools: Tool[]; fails: boolean; compacts: boolean }[]
  /** The number of transactions after which a turn times out. */
  overdueAt: number | undefined
  /**
   * The number of transactions after which a message arrives, at the latest when the session is
   * idle.
   */
  arrivals: { at: number; onBusy: 'steer' | 'queue' | 'interrupt' }[]
  /**
   * The number of transactions after which an open client call is answered; without an entry, it
   * expires.
   */
  answers: { at: number; which: number; how: 'yes' | 'edited' | 'no' | 'expired' }[]
  /** The numbers of transactions after which the turn is cancelled. */
  cancels: number[]
}

const moment = fc.integer({ min: 1, max: 20 })

export const worlds: fc.Arbitrary<World> = fc.record({
  iterationsMax: fc.integer({ min: 1, max: 4 }),
  replies: fc.array(
    fc.record({
      tools: fc.array(
        fc.record({
          succeeds: fc.boolean(),
          asks: fc.boolean(),
          isClients: fc.boolean(),
          questions: fc.nat(4).map((n) => Math.max(0, n - 2)),
        }),
        { maxLength: 3 },
      ),
      fails: fc.nat(3).map((n) => n === 3),
      compacts: fc.boolean(),
    }),
    { maxLength: 6 },
  ),
  overdueAt: fc.option(moment, { nil: undefined }),
  arrivals: fc.array(
    fc.record({ at: moment, onBusy: fc.constantFrom('steer', 'queue', 'interrupt') }),
    { maxLength: 5 },
  ),
  answers: fc.array(
    fc.record({
      at: moment,
      which: fc.nat(2),
      how: fc.constantFrom('yes', 'edited', 'no', 'expired'),
    }),
    { maxLength: 6 },
  ),
  cancels: fc.array(moment, { maxLength: 2 }),
})
