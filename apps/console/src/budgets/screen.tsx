import { useSearch } from '@tanstack/react-router'
import { Screen } from '../shell/screen.tsx'
import { Tabs } from '../shell/tabs.tsx'
import { BudgetList } from './list.tsx'
import { Usage } from './usage.tsx'

const tabs = [
  { tab: 'budgets', label: 'Budgets' },
  { tab: 'usage', label: 'Usage' },
] as const

/** Limits on the cost of model calls, and their usage. */
export function BudgetsScreen() {
  const { tab = 'budgets' } = useSearch({ from: '/budgets' })
  return (
    <Screen title="Budgets">
      <Tabs label="Budget views" tabs={tabs} current={tab} />
      {tab === 'budgets' && <BudgetList />}
      {tab === 'usage' && <Usage />}
    </Screen>
  )
}
