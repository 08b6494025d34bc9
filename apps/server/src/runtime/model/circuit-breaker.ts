const failuresMax = 5
const windowMs = 60_000
const openMs = 30_000
const successesMin = 2
/** How often whoever waits for the outcome of a trial looks again. */
const trialMs = 1_000
const providersMax = 10_000

type State = {
  /** When its latest failures were; none after a success. */
  failures: number[]
  /** Undefined while requests go out as usual. */
  openedAt: number | undefined
  /** A request that tries whether the provider is well again. */
  trial: boolean
  successes: number
}

export type Breaker = ReturnType<typeof createBreaker>

/**
 * Keeps requests from providers that are out of order: after five failures within a minute none
 * goes out for 30 s, then one at a time, and as many as wanted after two successes. What a node
 * does not ask it cannot learn from others: each finds out by itself, so that nothing has to be
 * stored or told.
 */
export function createBreaker(now: () => number = () => performance.now()) {
  const providers = new Map<string, State>()

  function stateOf(provider: string): State {
    const known = providers.get(provider)
    if (known) return known
    if (providers.size >= providersMax) providers.delete(providers.keys().next().value!)
    const state = { failures: [], openedAt: undefined, trial: false, successes: 0 }
    providers.set(provider, state)
    return state
  }

  return {
    /** Admits a request, or returns the ms to wait. Contract: admitted callers call `ended`. */
    admit(provider: string): number | undefined {
      const state = providers.get(provider)
      if (state?.openedAt === undefined) return undefined
      const waitMs = state.openedAt + openMs - now()
      if (waitMs > 0) return waitMs
      if (state.trial) return trialMs
      state.trial = true
      return undefined
    },

    /** What a request showed of its provider; nothing when it was broken off from here. */
    ended(provider: string, shown: 'works' | 'fails' | undefined): void {
      const state = shown === 'fails' ? stateOf(provider) : providers.get(provider)
      if (!state) return
      state.trial = false
      if (shown === 'fails') fail(state, now())
      if (shown === 'works') succeed(provider, state)
    },
  }

  function succeed(provider: string, state: State) {
    state.successes += 1
    if (state.openedAt === undefined || state.successes >= successesMin) providers.delete(provider)
  }
}

function fail(state: State, at: number): void {
  state.successes = 0
  state.failures = [...state.failures.filter((time) => time > at - windowMs), at]
  if (state.openedAt !== undefined || state.failures.length >= failuresMax) state.openedAt = at
}
