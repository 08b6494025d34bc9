import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { agentKeys, sessionKeys } from './keys.ts'

export type RuleOwner = 'session' | 'agent'

const keysOf = { session: sessionKeys, agent: agentKeys }

/** The decisions for all calls of a tool in a session, or in all of an agent. */
export const toolRulesQuery = (owner: RuleOwner, id: string) =>
  queryOptions({
    queryKey: [...keysOf[owner].one(id), 'tool-rules'],
    queryFn: async ({ signal }) => {
      const calls = owner === 'agent' ? outlast.agents : outlast.sessions
      return (await calls.listToolRules(id, { limit: 100 }, { signal })).data
    },
  })

export const removeToolRule = (owner: RuleOwner, id: string, toolName: string) =>
  (owner === 'agent' ? outlast.agents : outlast.sessions).removeToolRule(id, toolName)
