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

/** One provider: whether it works, and what can be done with it. */
export function ProviderEntry({ provider }: { provider: Provider }) {
  const { id, name, provider_type, base_url, api_key_set, status, last_synced_at } = provider
  const [opened, setOpened] = useState<Opened>()
  const mayChange = useMay('admin')
  const acts = useActs(id)
  const close = () => setOpened(undefined)
  // A server of one's own may want none.
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
                {api_key_set ? 'key set' : 'no key'}
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
                {' · models listed '}
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
                <Menu.Item onClick={() => setOpened('model')}>Add a model by name</Menu.Item>
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
        <Confirm title={`Delete ${name}?`} verb="Delete" act={acts.remove} close={close}>
          Its models and its key are gone with it. One that an agent or a session names cannot be
          deleted: disable it instead.
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

/** What came of the last thing that was done. */
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
        It works: {model} answered after {latency_ms} ms.
      </State>
    )
  }
  return (
    <div>
      <State kind="bad">{model} did not answer</State>
      <Text size="sm">{message}</Text>
      {kind && hints[kind] && (
        <Text size="sm" c="dimmed">
          {hints[kind]}
        </Text>
      )}
    </div>
  )
}

/** What to do about each kind of failure. */
const hints: Record<string, string> = {
  bad_key: 'Open Edit and give it a key that is valid.',
  no_credit: "Top up the account at the vendor's, then test again.",
  rate_limited: 'Wait a little, then test again.',
  overloaded: 'Wait a little, then test again.',
  no_such_model: 'Sync the models, or disable the one that is gone.',
  network: 'Check the base URL, and whether this machine reaches it.',
  timeout: 'Check the base URL, and whether this machine reaches it.',
  not_configured: 'Open Edit and give it a key or a base URL.',
  key_unreadable: 'The master key has changed: open Edit and enter the key again.',
}

function syncSentence({ discovered, total, stale, truncated }: ModelSync): string {
  const found = `${total} listed, ${discovered} new`
  const gone = stale === 0 ? '' : `, ${stale} no longer listed`
  return `${found}${gone}.${truncated ? ' There are more than are kept.' : ''}`
}
