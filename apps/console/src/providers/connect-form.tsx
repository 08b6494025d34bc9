import { Button, PasswordInput, Select, TextInput } from '@mantine/core'
import type { ProviderTestResult, ProviderType } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { Refused } from '../form/form-modal.tsx'
import { useSaveForm } from '../form/use-save-form.ts'
import { providersChanged, providersQuery } from '../queries/providers.ts'
import { type ConnectDraft, connectProvider } from './connect.ts'
import { ProviderTested } from './provider-tested.tsx'
import { vendorOf, vendors } from './vendors.ts'

const choices = vendors
  .filter(({ type }) => type !== 'llmsim')
  .map(({ type, label }) => ({ value: type, label }))

const empty: ConnectDraft = { provider_type: 'openai', base_url: '', api_key: '', model: '' }

/** `draft`: the content of the form after the test. */
type Tested = { result: ProviderTestResult; draft: ConnectDraft }

/** Connects the first provider: tests the key, and stores it if a model answers. */
export function ConnectForm({ connected }: { connected: (result: ProviderTestResult) => void }) {
  const providers = useQuery(providersQuery)
  const form = useSaveForm<ConnectDraft, Tested>({
    draftOf: (tested) => tested?.draft ?? empty,
    async save(draft) {
      const result = await connectProvider(draft, providers.data?.data ?? [])
      return { result, draft: result.ok ? empty : draft }
    },
    onSaved({ result }) {
      if (!result.ok) return
      providersChanged()
      connected(result)
    },
  })
  const { draft, saved } = form
  const vendor = vendorOf(draft.provider_type)
  return (
    <form className="connect" aria-label="Connect a model provider" onSubmit={form.onSubmit}>
      <Select
        label="Provider"
        data={choices}
        allowDeselect={false}
        value={draft.provider_type}
        onChange={(type) => form.change({ ...empty, provider_type: type as ProviderType })}
      />
      {vendor.needsAddress && (
        <>
          <TextInput
            label="Base URL"
            placeholder={vendor.address}
            required
            maxLength={2_048}
            {...form.text('base_url')}
          />
          <TextInput
            label="Model"
            placeholder={draft.provider_type === 'azure_openai' ? 'my-deployment' : 'qwen3:8b'}
            required
            maxLength={255}
            {...form.text('model')}
          />
        </>
      )}
      <PasswordInput
        label="API key"
        required={draft.provider_type !== 'openai_completions'}
        autoComplete="off"
        maxLength={8_192}
        {...form.text('api_key')}
      />
      <Button type="submit" loading={form.isSaving} disabled={!providers.data}>
        Test and save
      </Button>
      <div className="connect-outcome" role="status">
        {saved && !saved.result.ok && (
          <ProviderTested result={saved.result} hint="Nothing was saved." />
        )}
        <Refused form={form} />
      </div>
    </form>
  )
}
