import type { PreviewAgent } from '@outlast/sdk'
import { keepPreviousData, queryOptions, useQuery } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { allOf } from './all-items.ts'
import { agentKeys } from './keys.ts'

/** All agents that are not archived, newest first. */
export const agentsQuery = queryOptions({
  queryKey: agentKeys.lists,
  queryFn: async ({ signal }) => ({ data: await allOf(outlast.agents.list({}, { signal })) }),
})

export const agentQuery = (id: string) =>
  queryOptions({
    queryKey: agentKeys.one(id),
    queryFn: ({ signal }) => outlast.agents.get(id, { signal }),
  })

/** The prompt and tools of an unsaved draft. */
export const agentPreviewQuery = (draft: unknown, bodyOf: () => PreviewAgent) =>
  queryOptions({
    queryKey: [...agentKeys.all, 'preview', draft],
    staleTime: 30_000,
    gcTime: 0,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => outlast.agents.preview(bodyOf(), { signal }),
  })

export const useAgent = (id: string | undefined) =>
  useQuery({ ...agentQuery(id ?? ''), enabled: id !== undefined })

type NamedAgent = { id: string; name: string }

/** Returns the loaded agent names by id. */
export const useAgentNames = (): ReadonlyMap<string, string> =>
  useQuery({ ...agentsQuery, select: namesOf }).data ?? noNames

const noNames: ReadonlyMap<string, string> = new Map()
const namesOf = ({ data }: { data: NamedAgent[] }): ReadonlyMap<string, string> =>
  new Map(data.map(({ id, name }) => [id, name]))

/** Returns agents as select options. */
export const useAgentChoices = () => useQuery({ ...agentsQuery, select: choicesOf }).data ?? []

const choicesOf = ({ data }: { data: NamedAgent[] }) =>
  data.map(({ id, name }) => ({ value: id, label: name }))
