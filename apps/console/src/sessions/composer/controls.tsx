import { Select } from '@mantine/core'
import type { ModelWithProvider, Session } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useAgent } from '../../queries/agents.ts'
import { modelsQuery, pickable } from '../../queries/models.ts'
import type { MessageDraft } from './drafts.ts'

type Choosing = {
  session: Session | undefined
  draft: MessageDraft
  change: (part: Partial<MessageDraft>) => void
}

/** Chooses model and effort of the next message. Default: those of the session, then the agent. */
export function ControlsChoice({ session, draft: { modelId, effort }, change }: Choosing) {
  const models = useQuery({ ...modelsQuery, staleTime: 60_000 }).data ?? []
  const agent = useAgent(session?.agent_id).data
  const usual = session?.model_id ?? agent?.default_model_id
  const known = models.find(({ id }) => id === (modelId ?? usual)) ?? models.find(isUsual)
  const efforts = effortsOf(known)
  const own = models.find(({ id }) => id === usual) ?? models.find(isUsual)
  const { usable, others } = pickable(models, modelId)
  return (
    <>
      <Select
        size="xs"
        aria-label="Model"
        placeholder={own ? own.display_name : 'Model'}
        searchable
        clearable
        nothingFoundMessage="No models match"
        data={[
          ...usable.map(({ id, display_name, provider_name }) => ({
            value: id,
            label: `${display_name} · ${provider_name}`,
          })),
          ...others,
        ]}
        value={modelId}
        onChange={(id) => change({ modelId: id, effort: null })}
        w={170}
      />
      {efforts.length > 0 && (
        <Select
          size="xs"
          aria-label="Reasoning effort"
          placeholder="Effort"
          clearable
          data={efforts}
          value={effort}
          onChange={(value) => change({ effort: value })}
          w={105}
        />
      )}
    </>
  )
}

const isUsual = ({ is_default }: ModelWithProvider) => is_default

/** Returns the efforts of a model. Models outside the catalog get the common ones. */
function effortsOf(model: ModelWithProvider | undefined) {
  if (!model?.profile) return ['low', 'medium', 'high'].map((value) => ({ value, label: value }))
  const { values } = model.profile.reasoning_effort ?? { values: [] }
  return values.map(({ name, value }) => ({ value, label: name }))
}
