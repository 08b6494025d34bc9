import { useSearch } from '@tanstack/react-router'
import { Alerts } from '../alerts/list.tsx'
import { Screen } from '../shell/screen/screen.tsx'
import { Tabs } from '../shell/screen/tabs.tsx'
import { Nodes } from './nodes.tsx'
import { Overview } from './overview.tsx'
import { Turns } from './turns.tsx'

const tabs = [
  { tab: 'overview', label: 'Overview' },
  { tab: 'turns', label: 'Turns' },
  { tab: 'nodes', label: 'Nodes' },
  { tab: 'alerts', label: 'Alerts' },
] as const

/** Health, turns, nodes and alerts of the server. */
export function OperationsScreen() {
  const { tab = 'overview' } = useSearch({ from: '/operations' })
  return (
    <Screen title="Operations">
      <Tabs label="Operations views" tabs={tabs} current={tab} />
      {tab === 'overview' && <Overview />}
      {tab === 'turns' && <Turns />}
      {tab === 'nodes' && <Nodes />}
      {tab === 'alerts' && <Alerts />}
    </Screen>
  )
}
