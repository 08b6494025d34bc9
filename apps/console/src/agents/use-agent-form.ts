import { useDebouncedValue } from '@mantine/hooks'
import { type Agent, isOutlastError } from '@outlast/sdk'
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { outlast } from '../client.ts'
import {
  bodyOf,
  type Draft,
  draftOf,
  emptyDraft,
  isSame,
  jsonProblem,
  problemsOf,
  withoutMasked,
} from './draft.ts'

/** Somebody saved the agent after it was read here. */
export class ChangedMeanwhile extends Error {
  override name = 'ChangedMeanwhile'
}

const previewAfterMs = 400

export type AgentForm = ReturnType<typeof useAgentForm>

/**
 * An agent in the editor: as it was read, as it stands, and as the server has it by now. What somebody else saved is taken
 * over at once where nothing was changed here, and else waits for a choice.
 */
export function useAgentForm(stored: Agent | undefined, first: Partial<Draft> = {}) {
  const client = useQueryClient()
  const [base, setBase] = useState(stored)
  const origin = base ? draftOf(base) : emptyDraft
  const [draft, setDraft] = useState<Draft>({ ...origin, ...first })
  const isDirty = !isSame(draft, origin)
  const isOvertaken = Boolean(stored && base && stored.updated_at > base.updated_at)

  useEffect(() => {
    if (!isOvertaken || !stored) return
    if (isDirty && !isSame(draft, draftOf(stored))) return
    setBase(stored)
    setDraft(draftOf(stored))
  }, [isOvertaken, isDirty, stored, draft])

  const save = useMutation({
    async mutationFn() {
      const body = bodyOf(draft)
      if (!base) return await outlast.agents.create(body)
      try {
        return await outlast.agents.put(base.id, body, { ifMatch: base.updated_at })
      } catch (error) {
        if (!isOutlastError(error, 'changed_meanwhile')) throw error
        const now = await outlast.agents.get(base.id)
        // It was saved, and the answer was lost on its way.
        if (isSame(draft, draftOf(now))) return now
        client.setQueryData(['agent', base.id], now)
        throw new ChangedMeanwhile()
      }
    },
    onSuccess(agent) {
      client.setQueryData(['agent', agent.id], agent)
      client.invalidateQueries({ queryKey: ['agents'] })
      setBase(agent)
      setDraft(draftOf(agent))
    },
  })
  const preview = usePreview(draft)

  return {
    base,
    draft,
    origin,
    isDirty,
    theirs: isOvertaken && isDirty ? stored : undefined,
    change(change: Partial<Draft>) {
      save.reset()
      setDraft((before) => ({ ...before, ...change }))
    },
    /** Goes on from what the server has, with what was chosen of both. */
    choose(chosen: Draft) {
      save.reset()
      setBase(stored)
      setDraft(chosen)
    },
    save,
    preview,
    problems: [...problemsOf(save.error), ...problemsOf(preview.error)],
  }
}

/** The final prompt and tools of what stands in the editor, when one stops writing. */
function usePreview(draft: Draft) {
  const [settled] = useDebouncedValue(draft, previewAfterMs)
  const isReadable = jsonProblem(settled.tools) === undefined
  return useQuery({
    queryKey: ['agent-preview', settled],
    enabled: isReadable,
    staleTime: 30_000,
    gcTime: 0,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => {
      const { name, ...rest } = bodyOf(settled)
      const capabilities = withoutMasked(settled.uses)
      const body = { ...rest, capabilities, ...(name !== '' && { name }) }
      return outlast.agents.preview(body, { signal })
    },
  })
}
