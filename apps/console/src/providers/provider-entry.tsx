import { Badge, Menu, Text } from '@mantine/core'
import type { ModelSync, Provider, ProviderTestResult } from '@outlast/sdk'
import { useMutation } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { outlast } from '../client.ts'
import { useMay } from '../queries/me.ts'
import { providersChanged } from '../queries/providers.ts'
import { ActButton } from '../shell/act-button.tsx'
import { Ago } from '../shell/ago.tsx'
import { Confirm, Refusal } from '../shell/confirm.tsx'
import { Entry, State } from '../shell/entry.tsx'
import { MoreMenu } from '../shell/more-menu.tsx'
import { ModelForm } from './model-form.tsx'
import { ProviderForm } from './provider-form.tsx'
import { vendorOf } from './vendors.ts'

type Opened = 'edit' | 'delete' | 'model' | undefined

/** One provider: state, actions, and the result of the last action. */
export function ProviderEntry({ provider }: { provider: Provider }) {
  const { id, name, provider_type, base_url, api_key_set, status, last_synced_at } = provider
  const [opened, setOpened] = useState<Opened>()
  const mayChange = useMay('admin')
  const acts = useActs(id)
  const close = () => setOpened(undefined)
  // A self-hosted server may need no key.
  const needsKey = !base_url
  return (
    <>
      <Entry
        label={name}
        name={
          <>
            <Link to="/providers" search={{ tab: 'models', provider: id }}>
              {name}
            </Link>
            <State kind={status === 'active' ? 'good' : 'off'}>{status}</State>
            {provider_type !== 'llmsim' && (
              <Badge size="xs" variant="light" color={api_key_set || !needsKey ? 'gray' : 'yellow'}>
                {api_key_set ? 'API key set' : 'No API key'}
              </Badge>
            )}
          </>
        }
        about={
          <>
            {vendorOf(provider_type).label}
            {base_url && ` · ${base_url}`}
            {last_synced_at && (
              <>
                {' · models synced '}
                <Ago at={last_synced_at} />
              </>
            )}
          </>
        }
        side={
          mayChange && (
            <>
              <ActButton act={acts.test}>Test</ActButton>
              <ActButton act={acts.sync}>Sync models</ActButton>
              <MoreMenu name={name} remove={() => setOpened('delete')}>
                <Menu.Item onClick={() => setOpened('edit')}>Edit</Menu.Item>
                <Menu.Item onClick={() => setOpened('model')}>Add model</Menu.Item>
                <Menu.Item onClick={() => acts.toggle.mutate(status)}>
                  {status === 'active' ? 'Disable' : 'Enable'}
                </Menu.Item>
              </MoreMenu>
            </>
          )
        }
        below={<Outcome acts={acts} />}
      />
      {opened === 'edit' && <ProviderForm stored={provider} close={close} />}
      {opened === 'model' && <ModelForm provider={provider} close={close} />}
      {opened === 'delete' && (
        <Confirm title={`Delete ${name}?`} verb="Delete provider" act={acts.remove} close={close}>
          Its models and API key are deleted. If an agent or a session uses one of its models,
          disable the provider instead.
        </Confirm>
      )}
    </>
  )
}

function useActs(id: string) {
  return {
    test: useMutation({ mutationFn: () => outlast.providers.test(id) }),
    sync: useMutation({
      mutationFn: () => outlast.providers.syncModels(id),
      onSuccess: providersChanged,
    }),
    toggle: useMutation({
      mutationFn: (status: Provider['status']) =>
        outlast.providers.update(id, { status: status === 'active' ? 'disabled' : 'active' }),
      onSuccess: providersChanged,
    }),
    async remove() {
      await outlast.providers.delete(id)
      providersChanged()
    },
  }
}

/** The result of the last action. */
function Outcome({ acts: { test, sync, toggle } }: { acts: ReturnType<typeof useActs> }) {
  const error = test.error ?? sync.error ?? toggle.error
  if (!error && !test.data && !sync.data) return null
  return (
    <div>
      {error && <Refusal error={error} />}
      {test.data && <Tested result={test.data} />}
      {sync.data && <Text size="sm">{syncSentence(sync.data)}</Text>}
    </div>
  )
}

function Tested({
  result: { ok, model, latency_ms, message, kind },
}: {
  result: ProviderTestResult
}) {
  if (ok) {
    return (
      <State kind="good">
        Connected: {model} responded in {latency_ms} ms.
      </State>
    )
  }
  return (
    <div>
      <State kind="bad">{model} did not respond</State>
      <Text size="sm">{message}</Text>
      {kind && hints[kind] && (
        <Text size="sm" c="dimmed">
          {hints[kind]}
        </Text>
      )}
    </div>
  )
}

/** Fixes for each kind of failure. */
const hints: Record<string, string> = {
  bad_key: 'Choose Edit and enter a valid API key.',
  no_credit: 'Add credit to the account at the provider, then test again.',
  rate_limited: 'Wait a moment, then test again.',
  overloaded: 'Wait a moment, then test again.',
  no_such_model: 'Sync the models, or disable the missing model.',
  network: 'Check the base URL and the network connection of the server.',
  timeout: 'Check the base URL and the network connection of the server.',
  not_configured: 'Choose Edit and enter an API key or a base URL.',
  key_unreadable: 'The master key has changed. Choose Edit and enter the API key again.',
}

function syncSentence({ discovered, total, stale, truncated }: ModelSync): string {
  const found = `${total} models listed, ${discovered} new`
  const gone = stale === 0 ? '' : `, ${stale} no longer listed`
  return `${found}${gone}.${truncated ? ' The list was cut: it has more models than can be stored.' : ''}`
}
