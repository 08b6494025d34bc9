const failuresMax = 5
const windowMs = 60_000
const openMs = 30_000
const successesMin = 2
const providersMax = 10_000

type State = {
  /** Times of the latest failures; empty after a success. */
  failures: number[]
  /** Undefined while the circuit is closed. */
  openedAt: number | undefined
  /** A trial request has no reply yet. */
  trial: boolean
  successes: number
}

export type Breaker = ReturnType<typeof createBreaker>

/**
 * Creates the circuit breaker of a node. Five failures of a provider within a minute open the
 * circuit for 30 s. Then one request at a time waits for the start of its reply, and two successes
 * close the circuit. Each node detects failures by itself: nothing is stored or published.
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
    /**
     * Admits a request, or returns the ms until the next trial, or `trial` while one has no reply.
     * Contract: admitted callers call `ended`.
     */
    admit(provider: string): number | 'trial' | undefined {
      const state = providers.get(provider)
      if (state?.openedAt === undefined) return undefined
      const waitMs = state.openedAt + openMs - now()
      if (waitMs > 0) return waitMs
      if (state.trial) return 'trial'
      state.trial = true
      return undefined
    },

    /** Admits the next trial: the reply of one has begun. */
    answered(provider: string): void {
      const state = providers.get(provider)
      if (state) state.trial = false
    },

    /** Records the outcome of a request; undefined when this node aborted it. */
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
