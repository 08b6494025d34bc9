import { useDebouncedValue } from '@mantine/hooks'
import type { Agent, ErrorDetail } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { invalidate, outlast, queryClient } from '../client.ts'
import { useSaveForm } from '../form/use-save-form.ts'
import { agentPreviewQuery, agentQuery } from '../queries/agents.ts'
import { agentKeys } from '../queries/keys.ts'
import { type AgentDraft, agentBody, agentDraft, jsonProblem, previewBodyOf } from './draft.ts'

const previewAfterMs = 400

export type AgentForm = ReturnType<typeof useAgentForm>

/** Manages the draft of an agent and its prompt preview. */
export function useAgentForm(stored: Agent | undefined, first: Partial<AgentDraft> = {}) {
  const form = useSaveForm({
    stored,
    draftOf: agentDraft,
    first,
    async save(draft, base) {
      const body = agentBody(draft)
      if (!base) return outlast.agents.create(body)
      return outlast.agents.put(base.id, body, { ifMatch: base.updated_at })
    },
    read: ({ id }) => queryClient.fetchQuery({ ...agentQuery(id), staleTime: 0 }),
    done: 'Agent saved',
    onSaved(agent) {
      queryClient.setQueryData(agentQuery(agent.id).queryKey, agent)
      invalidate(agentKeys.lists)
    },
  })
  const [settled] = useDebouncedValue(form.draft, previewAfterMs)
  const preview = useQuery({
    ...agentPreviewQuery(settled, () => previewBodyOf(settled)),
    enabled: [settled.tools, settled.outputSchema, settled.files].every(
      (text) => !jsonProblem(text),
    ),
  })
  return {
    ...form,
    preview,
    problems: [...problemsOf(form.error), ...problemsOf(preview.error)],
  }
}

export const problemsOf = (error: unknown): readonly ErrorDetail[] =>
  (error as { details?: readonly ErrorDetail[] } | null)?.details ?? []
