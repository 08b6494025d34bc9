import { Button, Group } from '@mantine/core'
import type { Budget } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { ChangeLimit, TopUp } from '../../budgets/forms.tsx'
import { amountText } from '../../budgets/words.ts'
import { invalidate, outlast } from '../../client.ts'
import { budgetQuery } from '../../queries/budgets.ts'
import { budgetKeys } from '../../queries/keys.ts'
import { useMay } from '../../queries/me.ts'
import { Refusal } from '../../shell/controls/confirm.tsx'

type BudgetWaitProps = { budgetId: string; needed: number | undefined }

/** The budget that the turn waits for, and the way to continue for users that may decide. */
export function BudgetWait({ budgetId, needed }: BudgetWaitProps) {
  const budget = useQuery(budgetQuery(budgetId)).data
  if (!budget) return null
  return (
    <div className="offline" role="status" aria-label="Waiting for budget">
      Waiting for budget: {amountText(budget.balance, budget.currency)} of{' '}
      {amountText(budget.limit, budget.currency)} left
      {needed !== undefined && `, ${amountText(needed, budget.currency)} needed`}.{' '}
      {budget.status === 'paused' ? <Paused budget={budget} /> : <UsedUp budget={budget} />}
    </div>
  )
}

/** Resumes this budget only: `sessions.resume` would resume others that the user does not see. */
function Paused({ budget: { id } }: { budget: Budget }) {
  const mayResume = useMay('admin')
  const resuming = useMutation({
    mutationFn: () => outlast.budgets.update(id, { status: 'active' }),
    onSettled: () => invalidate(budgetKeys.one(id)),
  })
  if (!mayResume) return <>It is paused. An administrator can resume it.</>
  return (
    <Group gap="xs" component="span" display="inline-flex">
      It is paused.
      <Button
        size="compact-xs"
        variant="default"
        loading={resuming.isPending}
        onClick={() => resuming.mutate()}
      >
        Resume
      </Button>
      {resuming.isError && <Refusal error={resuming.error} />}
    </Group>
  )
}

const dialogs = { 'Top up': TopUp, 'Raise limit': ChangeLimit }
type DialogName = keyof typeof dialogs

function UsedUp({ budget }: { budget: Budget }) {
  const [open, setOpen] = useState<DialogName>()
  const mayAdd = useMay('admin')
  if (!mayAdd) return <>An administrator can add to it.</>
  const Form = open && dialogs[open]
  return (
    <Group gap="xs" component="span">
      {(Object.keys(dialogs) as DialogName[]).map((name) => (
        <Button key={name} size="compact-xs" variant="default" onClick={() => setOpen(name)}>
          {name}
        </Button>
      ))}
      {Form && <Form budget={budget} close={() => setOpen(undefined)} />}
    </Group>
  )
}
