import type { Agent, ModelWithProvider, Outlast } from '@outlast/sdk'
import { UsageError } from '../core/failure.ts'
import { findResource, kinds } from '../core/resources.ts'
import { oneLine } from '../output/width.ts'

type Calls = { outlast: Outlast; signal: AbortSignal }

/** Finds an agent by id or name. Without either, `choose` selects one; its default is the first. */
export async function agentOf(
  calls: Calls,
  wanted: string | undefined,
  choose: (agents: readonly Agent[]) => Promise<Agent> = async (agents) => agents[0]!,
): Promise<Agent> {
  const { outlast, signal } = calls
  if (wanted !== undefined) {
    const { id } = await findResource(kinds.AGENT!, wanted, calls)
    return outlast.agents.get(id, { signal })
  }
  const agents: Agent[] = []
  for await (const agent of outlast.agents.list({}, { signal })) agents.push(agent)
  if (agents.length === 0) {
    throw new UsageError('No agents yet. `outlast agents create` creates one.')
  }
  return agents.length === 1 ? agents[0]! : choose(agents)
}

/** Finds a model by id, display name or vendor name. */
export async function modelOf(
  calls: Calls,
  wanted: string,
): Promise<Pick<ModelWithProvider, 'id' | 'display_name'>> {
  const { id, name } = await findResource(kinds.MODEL!, wanted, calls)
  if (name !== undefined) return { id, display_name: name }
  return calls.outlast.models.get(id, { signal: calls.signal })
}

export const nameOf = ({ name, id }: Agent) => oneLine(name) || oneLine(id)
