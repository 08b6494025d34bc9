import { queryOptions, useQuery } from '@tanstack/react-query'
import { outlast } from '../client.ts'

/** Every agent that is not archived, the newest first. */
export const agentsQuery = queryOptions({
  queryKey: ['agents'],
  queryFn: async ({ signal }) => await outlast.agents.list({}, { signal }),
})

/** Names of agents by id, as far as they are known. */
export function useAgentNames(): ReadonlyMap<string, string> {
  const names = useQuery({ ...agentsQuery, select: namesOf })
  return names.data ?? none
}

const none: ReadonlyMap<string, string> = new Map()

const namesOf = ({ data }: { data: { id: string; name: string }[] }): ReadonlyMap<string, string> =>
  new Map(data.map(({ id, name }) => [id, name]))
