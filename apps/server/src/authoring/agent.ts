import type { NewAgent } from '@outlast/contract'
import { type Branded, branded } from './brand.ts'
import type { AnySchema } from './schema.ts'

/**
 * The properties of an agent; the default of `name` is the name of its file. The output schema may
 * be one of any library.
 */
export type AgentDefinition = Omit<NewAgent, 'id' | 'name' | 'output_schema'> & {
  name?: string
  output_schema?: AnySchema
}

export type Agent = AgentDefinition & Branded<'agent'>

/** Defines an agent in code. */
export function defineAgent(agent: AgentDefinition): Agent {
  return branded('agent', agent)
}
