import { PasswordInput, Select, TextInput } from '@mantine/core'
import type { Provider } from '@outlast/sdk'
import { outlast } from '../client.ts'
import { FormModal } from '../form/form-modal.tsx'
import { useSaveForm } from '../form/use-save-form.ts'
import { providersChanged } from '../queries/providers.ts'
import { movesFrom, providerBody, providerDraft } from './draft.ts'
import { vendorOf, vendors } from './vendors.ts'

const choices = vendors.map(({ type, label }) => ({ value: type, label }))

/** Creates or changes a provider. Its key is write-only. */
export function ProviderForm({ stored, close }: { stored?: Provider; close: () => void }) {
  const form = useSaveForm({
    stored,
    draftOf: providerDraft,
    save: (draft, base) =>
      base
        ? outlast.providers.update(base.id, providerBody(draft))
        : outlast.providers.create(providerBody(draft)),
    done: 'Provider saved',
    onSaved() {
      providersChanged()
      close()
    },
  })
  const vendor = vendorOf(form.draft.provider_type)
  // It can be changed, but not removed.
  const hasAddress = stored?.base_url !== undefined
  const moves = stored?.api_key_set === true && movesFrom(stored, form.draft)
  return (
    <FormModal
      form={form}
      title={stored ? stored.name : 'New provider'}
      verb={stored ? 'Save provider' : 'Add provider'}
      close={close}
    >
      <Select
        label="Type"
        description={vendor.hint}
        data={choices}
        {...form.choice('provider_type')}
      />
      <TextInput
        label="Name"
        placeholder={vendor.label}
        maxLength={255}
        {...form.text('name')}
        data-autofocus
      />
      {form.draft.provider_type !== 'llmsim' && (
        <>
          <TextInput
            label="Base URL"
            description={
              vendor.needsAddress
                ? undefined
                : hasAddress
                  ? `The provider's default is ${vendor.address}.`
                  : 'Only needed for a proxy.'
            }
            placeholder={vendor.address}
            required={vendor.needsAddress || hasAddress}
            maxLength={2048}
            {...form.text('base_url')}
          />
          <PasswordInput
            label="API key"
            required={moves}
            description={
              moves
                ? 'The address changed. Enter the key again.'
                : stored?.api_key_set
                  ? 'A key is set. A new value replaces it.'
                  : 'Stored encrypted and never shown again.'
            }
            autoComplete="off"
            maxLength={8192}
            {...form.text('api_key', 'encryption_not_configured')}
          />
        </>
      )}
    </FormModal>
  )
}
