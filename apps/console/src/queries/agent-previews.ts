import type { PreviewAgent } from '@outlast/sdk'
import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { agentKeys } from './keys.ts'

/** The prompt and tools that a draft results in. */
export const agentPreviewQuery = (draft: unknown, bodyOf: () => PreviewAgent) =>
  queryOptions({
    queryKey: [...agentKeys.all, 'preview', draft],
    staleTime: 30_000,
    gcTime: 0,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => outlast.agents.preview(bodyOf(), { signal }),
  })
