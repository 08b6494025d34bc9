import { TextInput } from '@mantine/core'
import type { Model, Provider } from '@outlast/sdk'
import { invalidate, outlast } from '../client.ts'
import { FormModal } from '../form/form-modal.tsx'
import { useSaveForm } from '../form/use-save-form.ts'
import { modelKeys } from '../queries/keys.ts'

const emptyDraft = { model_id: '', display_name: '' }

/** Adds a model that the provider does not list. */
export function ModelForm({ provider, close }: { provider: Provider; close: () => void }) {
  const form = useSaveForm<typeof emptyDraft, Model>({
    draftOf: () => emptyDraft,
    save: ({ model_id, display_name }) =>
      outlast.providers.createModel(provider.id, {
        model_id: model_id.trim(),
        display_name: display_name.trim() || model_id.trim(),
      }),
    done: 'Model added',
    onSaved() {
      invalidate(modelKeys.all)
      close()
    },
  })
  return (
    <FormModal form={form} title={`Add model to ${provider.name}`} verb="Add model" close={close}>
      <TextInput
        label="Model ID"
        description="The ID that the provider uses."
        required
        maxLength={255}
        {...form.text('model_id', 'model_exists')}
        data-autofocus
      />
      <TextInput
        label="Name"
        description="The name shown in Outlast."
        placeholder={form.draft.model_id}
        maxLength={255}
        {...form.text('display_name')}
      />
    </FormModal>
  )
}
