import { Select, TextInput } from '@mantine/core'
import { type Budget, type BudgetPeriod, isOutlastError } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useRef } from 'react'
import { invalidate, outlast } from '../client.ts'
import { FormModal } from '../form/form-modal.tsx'
import { useSaveForm } from '../form/use-save-form.ts'
import { useAgentChoices } from '../queries/agents.ts'
import { budgetKeys } from '../queries/keys.ts'
import { meQuery } from '../queries/me.ts'
import { organizationsQuery } from '../queries/organizations.ts'
import { isRefusal, isTemporary } from '../sessions/composer/outbox-rules.ts'
import { newKey } from '../sessions/composer/outbox-sender.ts'
import { amountText } from './words.ts'

const subjects = [
  { value: 'organization', label: 'The organization' },
  { value: 'agent', label: 'An agent' },
  { value: 'end_user', label: 'An end user of your product' },
  { value: 'session', label: 'A session' },
  { value: 'api_key', label: 'An API key' },
] as const

const currencies = [
  { value: 'usd', label: 'US dollars' },
  { value: 'tokens', label: 'Tokens' },
]

const periods = [
  { value: '', label: 'No, once' },
  ...['hour', 'day', 'week', 'month', 'year'].map((unit) => ({
    value: unit,
    label: `Each ${unit}`,
  })),
]

const actions = [
  { value: 'wait', label: 'Wait for money or the next period' },
  { value: 'fail', label: 'Fail' },
]

const emptyDraft = {
  subject: 'organization' as (typeof subjects)[number]['value'],
  subject_id: '',
  currency: 'usd',
  limit: '',
  soft_limit: '',
  period: '',
  on_exhausted: 'wait' as Budget['on_exhausted'],
}
type Draft = typeof emptyDraft

/** The period in the time zone of the browser. */
const periodOf = (unit: string): BudgetPeriod => ({
  type: 'calendar',
  unit: unit as 'day',
  time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
})

/** Id of the organization in use. Without accounts there is only one. */
function useOrganizationId(): string {
  const me = useQuery(meQuery)
  const organizations = useQuery({ ...organizationsQuery, enabled: me.data === null })
  return me.data?.organization_id ?? organizations.data?.[0]?.id ?? ''
}

function saveBudget(draft: Draft, organizationId: string): Promise<Budget> {
  return outlast.budgets.create({
    subject_type: draft.subject,
    subject_id: draft.subject === 'organization' ? organizationId : draft.subject_id.trim(),
    currency: draft.currency,
    limit: Number(draft.limit),
    on_exhausted: draft.on_exhausted,
    ...(draft.soft_limit !== '' && { soft_limit: Number(draft.soft_limit) }),
    ...(draft.period !== '' && { period: periodOf(draft.period) }),
  })
}

const amount = { inputMode: 'decimal', pattern: '[0-9]+([.][0-9]+)?' } as const

export function NewBudget({ close }: { close: () => void }) {
  const organizationId = useOrganizationId()
  const agents = useAgentChoices()
  const form = useSaveForm<Draft, Budget>({
    draftOf: () => emptyDraft,
    save: (draft) => saveBudget(draft, organizationId),
    done: 'Budget created',
    onSaved() {
      invalidate(budgetKeys.all)
      close()
    },
  })
  const { subject } = form.draft
  return (
    <FormModal form={form} title="New budget" verb="Create budget" close={close}>
      <Select label="For" data={subjects} {...form.choice('subject', 'subject_type')} />
      {subject === 'agent' && (
        <Select label="Agent" data={agents} searchable required {...form.choice('subject_id')} />
      )}
      {subject !== 'agent' && subject !== 'organization' && (
        <TextInput label="Id" required maxLength={256} {...form.text('subject_id')} />
      )}
      <Select label="Unit" data={currencies} {...form.choice('currency')} />
      <TextInput label="Limit" required {...amount} {...form.text('limit')} data-autofocus />
      <TextInput
        label="Warn when this much is used"
        placeholder="Optional"
        {...amount}
        {...form.text('soft_limit')}
      />
      <Select label="Begins again" data={periods} {...form.choice('period')} />
      <Select label="A call that does not fit" data={actions} {...form.choice('on_exhausted')} />
    </FormModal>
  )
}

const emptyTopUp = { amount: '', description: '' }

/** Adds to a budget. One dialog adds once: its requests have one idempotency key. */
export function TopUp({ budget, close }: { budget: Budget; close: () => void }) {
  const idempotencyKey = useRef(newKey())
  function explainFailure(error: unknown): never {
    if (isOutlastError(error, 'idempotency_key_reused')) {
      invalidate(budgetKeys.all)
      throw new Error('An amount was added before, but its response was lost. Check the balance.')
    }
    if (isRefusal(error) && !isTemporary(error)) idempotencyKey.current = newKey()
    throw error
  }
  const form = useSaveForm<typeof emptyTopUp, Budget>({
    draftOf: () => emptyTopUp,
    save: ({ amount, description }) =>
      outlast.budgets
        .topUp(
          budget.id,
          {
            amount: Number(amount),
            ...(description.trim() !== '' && { description: description.trim() }),
          },
          { idempotencyKey: idempotencyKey.current },
        )
        .catch(explainFailure),
    done: 'Budget topped up',
    onSaved() {
      invalidate(budgetKeys.all)
      close()
    },
  })
  return (
    <FormModal form={form} title="Top up" verb="Add" close={close}>
      <p className="list-dim">
        {amountText(budget.balance, budget.currency)} are left. Turns that wait for the budget
        continue.
      </p>
      <TextInput
        label={`Amount in ${budget.currency}`}
        required
        {...amount}
        {...form.text('amount')}
        data-autofocus
      />
      <TextInput label="Reason" maxLength={500} {...form.text('description')} />
    </FormModal>
  )
}

/** Raises or lowers the limit of a budget. */
export function ChangeLimit({ budget, close }: { budget: Budget; close: () => void }) {
  const form = useSaveForm<{ limit: string }, Budget>({
    draftOf: () => ({ limit: String(budget.limit) }),
    save: ({ limit }) => outlast.budgets.update(budget.id, { limit: Number(limit) }),
    onSaved() {
      invalidate(budgetKeys.all)
      close()
    },
  })
  return (
    <FormModal form={form} title="Change limit" verb="Save" close={close}>
      <p className="list-dim">
        {amountText(budget.limit - budget.balance, budget.currency)} are used. Turns that wait for
        the budget continue if a higher limit allows it.
      </p>
      <TextInput
        label={`Limit in ${budget.currency}`}
        required
        {...amount}
        {...form.text('limit')}
        data-autofocus
      />
    </FormModal>
  )
}
