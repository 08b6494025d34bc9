import { useQuery } from '@tanstack/react-query'
import { useAgentNames } from '../queries/agents.ts'
import { apiKeysQuery } from '../queries/api-keys.ts'
import type { UsageSearch } from '../search.ts'
import { dayText } from './days.ts'
import type { UsageGroup } from './report.ts'

export const groupWords = {
  day: 'Day',
  agent: 'Agent',
  model: 'Model',
  user: 'End user',
  key: 'Key',
} as const satisfies Record<UsageGroup, string>

const withoutWords = {
  day: '',
  agent: 'No agent',
  model: 'Unknown model',
  user: 'No end user',
  key: 'No key',
} as const satisfies Record<UsageGroup, string>

/** Returns a function that names the rows of a group. */
export function useUsageNames({ key }: UsageSearch, group: UsageGroup) {
  const agents = useAgentNames()
  const keys = useQuery({ ...apiKeysQuery, enabled: group === 'key' || key !== undefined }).data
  return (of: UsageGroup, id: string): string => {
    if (id === '') return withoutWords[of]
    if (of === 'day') return dayText(id)
    if (of === 'agent') return agents.get(id) ?? id
    if (of === 'key') return keys?.find((one) => one.id === id)?.name ?? id
    return id
  }
}
