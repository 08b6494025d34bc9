import { Screen } from '../shell/screen/screen.tsx'
import { BudgetList } from './list.tsx'

/** Limits on the cost of model calls. */
export const BudgetsScreen = () => (
  <Screen title="Budgets">
    <BudgetList />
  </Screen>
)
