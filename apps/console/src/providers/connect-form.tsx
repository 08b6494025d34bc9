import { Button, PasswordInput, Select, TextInput } from '@mantine/core'
import type { ProviderTestResult, ProviderType } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { providersChanged, providersQuery } from '../queries/providers.ts'
import { Refusal } from '../shell/confirm.tsx'
import { type ConnectDraft, connectProvider } from './connect.ts'
import { ProviderTested } from './provider-tested.tsx'
import { vendorOf, vendors } from './vendors.ts'

const choices = vendors
  .filter(({ type }) => type !== 'llmsim')
  .map(({ type, label }) => ({ value: type, label }))

const empty: ConnectDraft = { provider_type: 'openai', base_url: '', api_key: '', model: '' }

/** Connects the first provider: tests the key, and stores it if a model answers. */
export function ConnectForm({ connected }: { connected: (result: ProviderTestResult) => void }) {
  const [draft, setDraft] = useState(empty)
  const providers = useQuery(providersQuery)
  const vendor = vendorOf(draft.provider_type)
  const connect = useMutation({
    // The draft holds a secret, so the cache drops it when the form unmounts.
    gcTime: 0,
    mutationFn: (sent: ConnectDraft) => connectProvider(sent, providers.data?.data ?? []),
    onSuccess(result) {
      if (!result.ok) return
      providersChanged()
      setDraft(empty)
      connected(result)
    },
  })
  const set = (change: Partial<ConnectDraft>) => {
    if (!connect.isPending) connect.reset()
    setDraft((before) => ({ ...before, ...change }))
  }
  function submit(event: FormEvent) {
    event.preventDefault()
    if (!connect.isPending) connect.mutate(draft)
  }
  return (
    <form className="connect" aria-label="Connect a model provider" onSubmit={submit}>
      <Select
        label="Provider"
        data={choices}
        allowDeselect={false}
        value={draft.provider_type}
        onChange={(type) => set({ ...empty, provider_type: type as ProviderType })}
      />
      {vendor.needsAddress && (
        <>
          <TextInput
            label="Base URL"
            placeholder={vendor.address}
            required
            maxLength={2_048}
            value={draft.base_url}
            onChange={({ currentTarget }) => set({ base_url: currentTarget.value })}
          />
          <TextInput
            label="Model"
            placeholder={draft.provider_type === 'azure_openai' ? 'my-deployment' : 'qwen3:8b'}
            required
            maxLength={255}
            value={draft.model}
            onChange={({ currentTarget }) => set({ model: currentTarget.value })}
          />
        </>
      )}
      <PasswordInput
        label="API key"
        required={draft.provider_type !== 'openai_completions'}
        autoComplete="off"
        maxLength={8_192}
        value={draft.api_key}
        onChange={({ currentTarget }) => set({ api_key: currentTarget.value })}
      />
      <Button type="submit" loading={connect.isPending} disabled={!providers.data}>
        Test and save
      </Button>
      <div className="connect-outcome" role="status">
        {connect.data && !connect.data.ok && (
          <ProviderTested result={connect.data} hint="Nothing was saved." />
        )}
        {connect.isError && <Refusal error={connect.error} />}
      </div>
    </form>
  )
}
