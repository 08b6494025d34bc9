import './budgets.css'
import { Button, Group, Progress } from '@mantine/core'
import type { Budget } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { invalidate, outlast } from '../client.ts'
import { useAgentNames } from '../queries/agents.ts'
import { budgetsQuery } from '../queries/budgets.ts'
import { budgetKeys } from '../queries/keys.ts'
import { useMay } from '../queries/me.ts'
import { ActButton, AskButton } from '../shell/controls/act-button.tsx'
import { Refusal } from '../shell/controls/confirm.tsx'
import { List, type ListColumn, ListRow } from '../shell/list/list.tsx'
import type { Sortable } from '../shell/list/sort.ts'
import { Empty } from '../shell/screen/screen.tsx'
import { State } from '../shell/screen/state.tsx'
import { escaped } from '../shell/text/escapes.ts'
import { NewBudget, TopUp } from './forms.tsx'
import { Ledger } from './ledger.tsx'
import { amountText, periodText, statusKinds, subjectWords } from './words.ts'

const barColors: Record<Budget['status'], string> = {
  active: 'pine',
  paused: 'yellow',
  exhausted: 'red',
  disabled: 'gray',
}

/** Every budget with its balance. */
export function BudgetList() {
  const [isNew, setNew] = useState(false)
  const mayAdminister = useMay('admin')
  const budgets = useQuery(budgetsQuery)
  return (
    <div className="scroll">
      <Group className="filter-bar" justify="space-between">
        <span className="list-dim">
          A model call that does not fit into its budgets waits or fails.
        </span>
        {mayAdminister && (
          <Button size="xs" onClick={() => setNew(true)}>
            New budget
          </Button>
        )}
      </Group>
      {isNew && <NewBudget close={() => setNew(false)} />}
      <List
        label="Budgets"
        columns={columns}
        query={budgets}
        items={budgets.data ?? []}
        sort={sort}
        empty={
          <Empty title="No budgets yet">
            Model calls are not limited. An administrator can create a budget for the organization,
            an agent or an end user.
            {mayAdminister && (
              <div>
                <Button size="xs" mt="sm" onClick={() => setNew(true)}>
                  Create a budget
                </Button>
              </div>
            )}
          </Empty>
        }
        row={(one) => <BudgetRow key={one.id} budget={one} mayAdminister={mayAdminister} />}
      />
    </div>
  )
}

const columns: ListColumn[] = [
  { id: 'budget', head: 'Budget', width: 'minmax(80px, 1.2fr)' },
  { id: 'status', head: 'Status', width: '84px', sort: 'asc' },
  {
    id: 'left',
    head: 'Balance',
    width: 'minmax(84px, 1fr)',
    sort: 'asc',
    from: 'medium',
    isSecond: true,
  },
  { id: 'period', head: 'Period', width: 'minmax(80px, 0.7fr)', sort: 'asc', from: 'wide' },
  { id: 'reserved', head: 'Reserved', width: '88px', isRight: true, from: 'wide' },
  { id: 'actions', head: '', width: 'max-content', isRight: true },
]

const sort: Sortable<Budget> = {
  status: ({ status }) => status,
  left: ({ balance, limit }) => balance / limit,
  period: ({ period }) => periodText(period),
}

function BudgetRow({ budget, mayAdminister }: { budget: Budget; mayAdminister: boolean }) {
  const { subject_type, subject_id, currency, status, period, reserved } = budget
  const [shown, setShown] = useState<'top-up' | 'ledger'>()
  const names = useAgentNames()
  const subject = names.get(subject_id) ?? subject_id
  const isOfOrganization = subject_type === 'organization'
  const label = isOfOrganization ? 'Organization' : `${subjectWords[subject_type]} ${subject}`
  return (
    <ListRow
      label={label}
      isOff={status === 'paused'}
      below={
        <>
          {shown === 'top-up' && <TopUp budget={budget} close={() => setShown(undefined)} />}
          {shown === 'ledger' && (
            <Ledger budget={budget} label={label} close={() => setShown(undefined)} />
          )}
        </>
      }
    >
      <span className="list-name">{escaped(label)}</span>
      <State kind={statusKinds[status]}>{status}</State>
      <Left budget={budget} label={label} />
      <span className="list-dim">{periodText(period)}</span>
      <span className="list-dim">{reserved > 0 && amountText(reserved, currency)}</span>
      <div className="list-actions">
        <Button size="xs" variant="default" onClick={() => setShown('ledger')}>
          Ledger
        </Button>
        {mayAdminister && (
          <>
            <Button size="xs" variant="default" onClick={() => setShown('top-up')}>
              Top up
            </Button>
            <Acts budget={budget} label={label} />
          </>
        )}
      </div>
    </ListRow>
  )
}

/** What is left of a budget, in words and as a bar. */
const Left = ({ budget, label }: { budget: Budget; label: string }) => (
  <div className="budget-left">
    <span>
      {amountText(budget.balance, budget.currency)} of {amountText(budget.limit, budget.currency)}{' '}
      left
    </span>
    <Progress
      size={4}
      value={Math.max(0, Math.min(100, (100 * budget.balance) / budget.limit))}
      color={barColors[budget.status]}
      aria-label={`Left of the budget of ${label}`}
    />
  </div>
)

function Acts({ budget: { id, status }, label }: { budget: Budget; label: string }) {
  const next = status === 'paused' ? 'active' : 'paused'
  const setting = useMutation({
    mutationFn: () => outlast.budgets.update(id, { status: next }),
    onSettled: () => invalidate(budgetKeys.all),
  })
  return (
    <>
      <ActButton act={setting}>{status === 'paused' ? 'Resume' : 'Pause'}</ActButton>
      <AskButton
        label="Delete"
        aria-label={`Delete the budget of ${label}`}
        title={`Delete the budget of ${label}?`}
        verb="Delete budget"
        done="Budget deleted"
        act={async () => {
          await outlast.budgets.delete(id)
          invalidate(budgetKeys.all)
        }}
      >
        It limits no model call any more, and turns that wait for it continue.
      </AskButton>
      {setting.isError && <Refusal error={setting.error} />}
    </>
  )
}
