import { Select, TextInput } from '@mantine/core'
import type { Alert } from '@outlast/sdk'
import { invalidate, outlast } from '../client.ts'
import { FormModal } from '../form/form-modal.tsx'
import { NumberField } from '../form/number-field.tsx'
import { type SaveForm, useSaveForm } from '../form/use-save-form.ts'
import { useAgentChoices } from '../queries/agents.ts'
import { alertKeys } from '../queries/keys.ts'
import { type AlertDraft, alertChange, alertDraft, hasWindow, metrics, newAlert } from './draft.ts'

/** Creates or changes an alert. Its metric and agent cannot change. */
export function AlertForm({ stored, close }: { stored?: Alert; close: () => void }) {
  const form = useSaveForm({
    stored,
    draftOf: alertDraft,
    save: (draft, base) =>
      base
        ? outlast.alerts.update(base.id, alertChange(draft))
        : outlast.alerts.create(newAlert(draft)),
    done: 'Alert saved',
    onSaved() {
      invalidate(alertKeys.all)
      close()
    },
  })
  const { metric } = form.draft
  const { unit } = metrics[metric]
  const amount = (name: keyof AlertDraft & ('threshold' | 'resolveBelow'), path: string) => ({
    ...form.number(name, path),
    allowDecimal: metric !== 'failed_turns',
    allowNegative: false,
  })
  return (
    <FormModal
      form={form}
      title={stored ? stored.name : 'New alert'}
      verb={stored ? 'Save alert' : 'Create alert'}
      close={close}
    >
      <TextInput label="Name" required maxLength={255} {...form.text('name')} data-autofocus />
      {!stored && <Subject form={form} />}
      <NumberField label={`Fires at (${unit})`} required {...amount('threshold', 'threshold')} />
      <NumberField
        label={`Resolves below (${unit})`}
        description="Empty: the value at which it fires."
        {...amount('resolveBelow', 'resolve_below')}
      />
      {hasWindow(metric) && (
        <NumberField
          label="Window (minutes)"
          required
          min={1}
          max={43_200}
          {...form.number('window', 'window_seconds')}
        />
      )}
      {metric === 'failed_turn_share' && (
        <NumberField
          label="Turns at least"
          description="With fewer ended turns in the window the share is 0."
          required
          min={1}
          max={10_000}
          {...form.number('minTurns', 'min_turns')}
        />
      )}
      <NumberField
        label="Send again every (minutes)"
        description="Empty: it is sent once."
        min={1}
        max={43_200}
        {...form.number('repeat', 'repeat_seconds')}
      />
    </FormModal>
  )
}

/** Chooses what is measured, and of which agent. */
function Subject({ form }: { form: SaveForm<AlertDraft, Alert> }) {
  const choices = useAgentChoices()
  return (
    <>
      <Select
        label="Metric"
        data={Object.entries(metrics).map(([value, { label }]) => ({ value, label }))}
        {...form.choice('metric')}
      />
      <Select
        label="Agent"
        placeholder="All agents"
        searchable
        clearable
        limit={200}
        data={choices}
        value={form.draft.agentId || null}
        error={form.problem('agent_id')}
        onChange={(agentId) => form.change({ agentId: agentId ?? '' })}
      />
    </>
  )
}
