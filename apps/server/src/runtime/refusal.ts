import type { Capability } from '../capabilities/capability.ts'
import { isMcpRef } from '../capabilities/mcp/ref.ts'
import { refuseTurn, type TakenTurn, type TurnRun } from '../store/turns/turns.ts'
import type { Node } from './node.ts'

/** Returns the capabilities of a turn that a node lacks, MCP servers aside. */
export function missingCapabilities(
  list: readonly Capability[],
  { agent_capabilities, capabilities }: Pick<TakenTurn, 'agent_capabilities' | 'capabilities'>,
): string[] {
  const refs = [...agent_capabilities, ...capabilities].map(({ ref }) => ref)
  const missing = refs.filter((ref) => !isMcpRef(ref) && !list.some(({ id }) => id === ref))
  return [...new Set(missing)]
}

export type Refusals = {
  /** Capabilities for whose lack this node has refused turns: it does not fetch those again. */
  lacking: ReadonlySet<string>
  /** Returns the capabilities for whose lack this node refuses the turn; undefined: it takes it. */
  reasonOf: (taken: TakenTurn) => string[] | undefined
  /** Returns the turn to the queue, for nodes that have these capabilities and earlier ones. */
  refuse: (run: TurnRun, refused: { taken: TakenTurn; missing: string[] }) => Promise<void>
}

/** Refuses turns whose capabilities this node lacks. `alone`: no other node could run them. */
export function createRefusals({ db, capabilities, log }: Node, alone: boolean): Refusals {
  const lacking = new Set<string>()
  return {
    lacking,
    reasonOf(taken) {
      const missing = missingCapabilities(capabilities, taken)
      return alone || taken.overdue || missing.length === 0 ? undefined : missing
    },
    async refuse(run, { taken, missing }) {
      for (const ref of missing) lacking.add(ref)
      const about = { session: run.sessionId, turn: run.turnId, missing }
      log.info('left a turn to nodes that have its capabilities', about)
      const { refused_at: since = null, missing_capabilities: others } = taken
      const all = [...new Set([...(others ?? []), ...missing])]
      await refuseTurn(db, run, { since, missing: all })
    },
  }
}
