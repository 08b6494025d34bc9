import { Button, Group, Progress } from '@mantine/core'
import type { Budget } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { invalidate, outlast } from '../client.ts'
import { useAgentNames } from '../queries/agents.ts'
import { budgetsQuery } from '../queries/budgets.ts'
import { budgetKeys } from '../queries/keys.ts'
import { useMay } from '../queries/me.ts'
import { ActButton, AskButton } from '../shell/act-button.tsx'
import { Refusal } from '../shell/confirm.tsx'
import { Entry, State } from '../shell/entry.tsx'
import { Empty, Failure } from '../shell/screen.tsx'
import { NewBudget, TopUp } from './forms.tsx'
import { Ledger } from './ledger.tsx'
import { amountText, periodText, statusKinds, subjectWords } from './words.ts'

/** Every budget with its balance. */
export function BudgetList() {
  const [isNew, setNew] = useState(false)
  const mayAdminister = useMay('admin')
  const budgets = useQuery(budgetsQuery)
  return (
    <div className="scroll">
      <Group className="filter-bar" justify="space-between">
        <span className="entry-about">
          A model call that does not fit into its budgets waits or fails.
        </span>
        {mayAdminister && (
          <Button size="xs" onClick={() => setNew(true)}>
            New budget
          </Button>
        )}
      </Group>
      {isNew && <NewBudget close={() => setNew(false)} />}
      {budgets.isError && <Failure error={budgets.error} retry={budgets.refetch} />}
      {budgets.data?.length === 0 && (
        <Empty title="No budgets yet">
          Model calls are not limited. An administrator can create a budget for the organization, an
          agent or an end user.
        </Empty>
      )}
      <ul className="entries" aria-label="Budgets">
        {budgets.data?.map((one) => (
          <Row key={one.id} budget={one} mayAdminister={mayAdminister} />
        ))}
      </ul>
    </div>
  )
}

function Row({ budget, mayAdminister }: { budget: Budget; mayAdminister: boolean }) {
  const { subject_type, subject_id, currency, limit, balance, status, period, reserved } = budget
  const [shown, setShown] = useState<'top-up' | 'ledger'>()
  const names = useAgentNames()
  const subject = names.get(subject_id) ?? subject_id
  const isOfOrganization = subject_type === 'organization'
  const label = isOfOrganization ? 'Organization' : `${subjectWords[subject_type]} ${subject}`
  const facts = [
    `${amountText(balance, currency)} of ${amountText(limit, currency)} left`,
    periodText(period),
    reserved > 0 ? `${amountText(reserved, currency)} reserved` : undefined,
  ]
  return (
    <Entry
      label={label}
      name={
        <>
          {label}
          <State kind={statusKinds[status]}>{status}</State>
        </>
      }
      about={
        <>
          {facts.filter((fact) => fact !== undefined).join(' · ')}
          <Progress
            size="xs"
            mt={4}
            maw={280}
            value={Math.max(0, Math.min(100, (100 * balance) / limit))}
            color={status === 'active' ? 'blue' : 'red'}
            aria-label={`Left of the budget of ${label}`}
          />
        </>
      }
      side={
        <>
          <Button size="xs" variant="default" onClick={() => setShown('ledger')}>
            Ledger
          </Button>
          {mayAdminister && (
            <Button size="xs" variant="default" onClick={() => setShown('top-up')}>
              Top up
            </Button>
          )}
          {mayAdminister && <Acts budget={budget} label={label} />}
        </>
      }
      below={
        <>
          {shown === 'top-up' && <TopUp budget={budget} close={() => setShown(undefined)} />}
          {shown === 'ledger' && (
            <Ledger budget={budget} label={label} close={() => setShown(undefined)} />
          )}
        </>
      }
    />
  )
}

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
