import type { NewAgent } from '@outlast/contract'
import { type Branded, branded } from './brand.ts'

/** The properties of an agent; the default of `name` is the name of its file. */
export type AgentDefinition = Omit<NewAgent, 'id' | 'name'> & { name?: string }

export type Agent = AgentDefinition & Branded<'agent'>

/** Defines an agent in code. */
export function defineAgent(agent: AgentDefinition): Agent {
  return branded('agent', agent)
}
