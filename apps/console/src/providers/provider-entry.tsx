import { Badge, Menu, Text } from '@mantine/core'
import type { ModelSync, Provider } from '@outlast/sdk'
import { useMutation } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { outlast } from '../client.ts'
import { useMay } from '../queries/me.ts'
import { providersChanged } from '../queries/providers.ts'
import { ActButton } from '../shell/controls/act-button.tsx'
import { Confirm, Refusal } from '../shell/controls/confirm.tsx'
import { MoreMenu } from '../shell/controls/more-menu.tsx'
import { ListRow } from '../shell/list/list.tsx'
import { State } from '../shell/screen/state.tsx'
import { Ago } from '../shell/text/ago.tsx'
import { Named } from '../shell/text/identity.tsx'
import { ModelForm } from './model-form.tsx'
import { ProviderForm } from './provider-form.tsx'
import { ProviderTested } from './provider-tested.tsx'
import { vendorOf } from './vendors.ts'

type ProviderProps = { provider: Provider }
type Opened = 'edit' | 'delete' | 'model' | undefined

/** One provider: state, actions, and the result of the last action. */
export function ProviderEntry({ provider }: ProviderProps) {
  const { id, name, provider_type, base_url, status, last_synced_at } = provider
  const [opened, setOpened] = useState<Opened>()
  const mayChange = useMay('admin')
  const acts = useActs(id)
  const close = () => setOpened(undefined)
  return (
    <>
      <ListRow label={name} isOff={status !== 'active'} below={<Outcome acts={acts} />}>
        <Link to="/providers" search={{ tab: 'models', provider: id }} className="list-link">
          <Named name={name} />
        </Link>
        <State kind={status === 'active' ? 'good' : 'off'}>{status}</State>
        <KeyState provider={provider} />
        <span className="list-dim">
          {vendorOf(provider_type).label}
          {base_url && ` · ${base_url}`}
        </span>
        <span className="list-dim">{last_synced_at ? <Ago at={last_synced_at} /> : 'never'}</span>
        <div className="list-actions">
          {mayChange && (
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
          )}
        </div>
      </ListRow>
      {opened === 'edit' && <ProviderForm stored={provider} close={close} />}
      {opened === 'model' && <ModelForm provider={provider} close={close} />}
      {opened === 'delete' && (
        <Confirm
          title={`Delete ${name}?`}
          verb="Delete provider"
          done="Provider deleted"
          act={acts.remove}
          close={close}
        >
          Its models and API key are deleted. If an agent or a session uses one of its models,
          disable the provider instead.
        </Confirm>
      )}
    </>
  )
}

/** A self-hosted server may need no key, the simulated models need none. */
const KeyState = ({ provider: { provider_type, base_url, api_key_set } }: ProviderProps) =>
  provider_type === 'llmsim' ? (
    <span className="list-dim">–</span>
  ) : (
    <Badge size="xs" variant="light" color={api_key_set || base_url ? 'gray' : 'yellow'}>
      {api_key_set ? 'API key set' : 'No API key'}
    </Badge>
  )

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
      {test.data && <ProviderTested result={test.data} />}
      {sync.data && <Text size="sm">{syncSentence(sync.data)}</Text>}
    </div>
  )
}

function syncSentence({ discovered, total, stale, truncated }: ModelSync): string {
  const found = `${total} models listed, ${discovered} new`
  const gone = stale === 0 ? '' : `, ${stale} no longer listed`
  return `${found}${gone}.${truncated ? ' The list was cut: it has more models than can be stored.' : ''}`
}
