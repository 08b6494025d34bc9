import { PasswordInput, Select, TextInput } from '@mantine/core'
import type { Provider } from '@outlast/sdk'
import { outlast } from '../client.ts'
import { FormModal } from '../form/form-modal.tsx'
import { useSaveForm } from '../form/use-save-form.ts'
import { providersChanged } from '../queries/providers.ts'
import { movesFrom, providerBody, providerDraft } from './draft.ts'
import { vendorOf, vendors } from './vendors.ts'

const choices = vendors.map(({ type, label }) => ({ value: type, label }))

/** Adds a provider, or changes one. A key is only ever written. */
export function ProviderForm({ stored, close }: { stored?: Provider; close: () => void }) {
  const form = useSaveForm({
    stored,
    draftOf: providerDraft,
    save: (draft, base) =>
      base
        ? outlast.providers.update(base.id, providerBody(draft))
        : outlast.providers.create(providerBody(draft)),
    onSaved() {
      providersChanged()
      close()
    },
  })
  const vendor = vendorOf(form.draft.provider_type)
  // It can be changed, not taken away.
  const hasAddress = stored?.base_url !== undefined
  const moves = stored?.api_key_set === true && movesFrom(stored, form.draft)
  return (
    <FormModal
      form={form}
      title={stored ? stored.name : 'New provider'}
      verb={stored ? 'Save' : 'Add'}
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
                  ? `The vendor's own is ${vendor.address}.`
                  : 'Only for a proxy of your own.'
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
                ? 'Another address needs the key again.'
                : stored?.api_key_set
                  ? 'One is set. What you write here takes its place.'
                  : 'It is stored encrypted and never shown again.'
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
