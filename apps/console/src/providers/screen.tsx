import { Button } from '@mantine/core'
import type { Provider } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useMay } from '../queries/me.ts'
import { providersQuery } from '../queries/providers.ts'
import { List, type ListColumn } from '../shell/list/list.tsx'
import type { Sortable } from '../shell/list/sort.ts'
import { Empty, Screen } from '../shell/screen/screen.tsx'
import { Tabs } from '../shell/screen/tabs.tsx'
import { ModelList } from './model-list.tsx'
import { ProviderEntry } from './provider-entry.tsx'
import { ProviderForm } from './provider-form.tsx'
import { vendorOf } from './vendors.ts'

const tabs = [
  { tab: 'models', label: 'Models' },
  { tab: 'providers', label: 'Providers' },
] as const

/** Models and their providers. */
export function ProvidersScreen() {
  const { tab = 'models', new: isNew } = useSearch({ from: '/providers' })
  const navigate = useNavigate({ from: '/providers' })
  const mayChange = useMay('admin')
  const open = (isOpen: boolean) =>
    navigate({ search: (before) => ({ ...before, new: isOpen || undefined }), replace: true })
  return (
    <Screen
      title="Models"
      actions={
        mayChange && (
          <Button size="xs" onClick={() => open(true)}>
            Add provider
          </Button>
        )
      }
    >
      <Tabs label="Models and providers" tabs={tabs} current={tab} />
      {isNew && (
        <ProviderForm close={() => navigate({ search: { tab: 'providers' }, replace: true })} />
      )}
      {tab === 'models' ? <ModelList /> : <ProviderList />}
    </Screen>
  )
}

const columns: ListColumn[] = [
  { id: 'name', head: 'Provider', width: 'minmax(140px, 1.2fr)', sort: 'asc' },
  { id: 'status', head: 'Status', width: '84px', sort: 'asc' },
  { id: 'key', head: 'API key', width: '88px', sort: 'asc', from: 'medium', isSecond: true },
  { id: 'type', head: 'Type and URL', width: 'minmax(0, 1.6fr)', sort: 'asc', from: 'wide' },
  {
    id: 'synced',
    head: 'Models synced',
    width: '112px',
    sort: 'desc',
    isRight: true,
    from: 'wide',
  },
  { id: 'actions', head: '', width: '204px', isRight: true },
]

const sort: Sortable<Provider> = {
  name: ({ name }) => name,
  status: ({ status }) => status,
  key: ({ api_key_set }) => Number(api_key_set),
  type: ({ provider_type }) => vendorOf(provider_type).label,
  synced: ({ last_synced_at }) => last_synced_at,
}

function ProviderList() {
  const providers = useQuery(providersQuery)
  const mayChange = useMay('admin')
  return (
    <div className="scroll">
      <List
        label="Providers"
        columns={columns}
        query={providers}
        items={providers.data?.data ?? []}
        sort={sort}
        empty={
          <Empty title="No providers yet">
            A provider is a model vendor or your own model server. Add one with its API key.
            {mayChange && (
              <div>
                <Button
                  size="xs"
                  mt="sm"
                  renderRoot={(props) => (
                    <Link to="/providers" search={{ tab: 'providers', new: true }} {...props} />
                  )}
                >
                  Add provider
                </Button>
              </div>
            )}
          </Empty>
        }
        row={(one) => <ProviderEntry key={one.id} provider={one} />}
      />
    </div>
  )
}
