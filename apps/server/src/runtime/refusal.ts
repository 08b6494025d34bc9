import type { Capability } from '../capabilities/capability.ts'
import { isMcpRef } from '../capabilities/mcp/ref.ts'
import { refuseTurn, type TakenTurn, type TurnRun } from '../store/sessions/turns.ts'
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

/**
 * Returns a turn to the queue, for nodes that have the capabilities which this node and earlier
 * ones lack. The time of the first refusal stays.
 */
export async function refuse(
  node: Node,
  run: TurnRun,
  { taken, missing }: { taken: TakenTurn; missing: readonly string[] },
): Promise<void> {
  const { refused_at: since = null, missing_capabilities: others } = taken
  const lacking = [...new Set([...(others ?? []), ...missing])]
  const about = { session: run.sessionId, turn: run.turnId, missing }
  node.log.info('left a turn to nodes that have its capabilities', about)
  await refuseTurn(node.db, run, { since, missing: lacking })
}
