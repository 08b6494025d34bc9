import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMay } from '../queries/me.ts'
import { providersQuery } from '../queries/providers.ts'
import { Empty, Failure, Screen } from '../shell/screen.tsx'
import { Tabs } from '../shell/tabs.tsx'
import { ModelList } from './model-list.tsx'
import { ProviderEntry } from './provider-entry.tsx'
import { ProviderForm } from './provider-form.tsx'

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

function ProviderList() {
  const providers = useQuery(providersQuery)
  if (providers.isError) return <Failure error={providers.error} retry={providers.refetch} />
  if (providers.data?.data.length === 0) {
    return (
      <Empty title="No providers yet">
        A provider is a model vendor or your own model server. Add one with its API key.
      </Empty>
    )
  }
  return (
    <ul className="entries scroll" aria-label="Providers">
      {providers.data?.data.map((one) => (
        <ProviderEntry key={one.id} provider={one} />
      ))}
    </ul>
  )
}
