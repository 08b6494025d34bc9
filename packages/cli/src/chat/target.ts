import type { Agent, ModelWithProvider, Outlast } from '@outlast/sdk'
import { UsageError } from '../core/failure.ts'
import { oneLine } from '../output/width.ts'

type Calls = { outlast: Outlast; signal: AbortSignal }

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of list) items.push(item)
  return items
}

/** The one match. Contract: throws a UsageError when there is none, or more than one. */
function only<T extends { id: string }>(found: readonly T[], noun: string, wanted: string): T {
  if (found.length === 1) return found[0]!
  if (found.length === 0) throw new UsageError(`There is no ${noun} ${wanted}.`)
  const ids = found.map(({ id }) => id).join(', ')
  throw new UsageError(`There are ${found.length} of the name ${wanted}: ${ids}.`)
}

const isSame = (a: string | null | undefined, b: string) => a?.toLowerCase() === b.toLowerCase()

/** The agent of an id or a name; without either, the one that `choose` says, else the first. */
export async function agentOf(
  { outlast, signal }: Calls,
  wanted: string | undefined,
  choose: (agents: readonly Agent[]) => Promise<Agent> = async (agents) => agents[0]!,
): Promise<Agent> {
  if (wanted?.startsWith('agent_')) return outlast.agents.get(wanted, { signal })
  const agents = await all(outlast.agents.list({}, { signal }))
  if (wanted !== undefined) {
    return only(
      agents.filter(({ name }) => isSame(name, wanted)),
      'agent',
      wanted,
    )
  }
  if (agents.length === 0) {
    throw new UsageError('There is no agent yet. `outlast agents create` makes one.')
  }
  return agents.length === 1 ? agents[0]! : choose(agents)
}

/** The model of an id, or of the name that its vendor or its owner gave it. */
export async function modelOf(
  { outlast, signal }: Calls,
  wanted: string,
): Promise<Pick<ModelWithProvider, 'id' | 'display_name'>> {
  if (wanted.startsWith('model_')) return outlast.models.get(wanted, { signal })
  const models = await all(outlast.models.list({}, { signal }))
  return only(
    models.filter((one) => isSame(one.model_id, wanted) || isSame(one.display_name, wanted)),
    'model',
    wanted,
  )
}

export const nameOf = ({ name, id }: Agent) => oneLine(name) || id
