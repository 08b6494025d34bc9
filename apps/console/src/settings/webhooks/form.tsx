import { MultiSelect, TextInput } from '@mantine/core'
import type { NewWebhook, Webhook, WebhookWithSecret } from '@outlast/sdk'
import { outlast } from '../../client.ts'
import { FormModal } from '../../form/form-modal.tsx'
import { useSaveForm } from '../../form/use-save-form.ts'
import { webhooksChanged } from '../../queries/webhooks.ts'
import { NewSecret } from './new-secret.tsx'

type EventType = NewWebhook['events'][number]

const types: EventType[] = [
  'turn.completed',
  'turn.failed',
  'turn.cancelled',
  'approval.requested',
  'question.asked',
  'tool_results.requested',
  'budget.warning',
  'budget.exhausted',
  'session.created',
  'alert.fired',
  'alert.resolved',
]

const draftOf = (stored: Webhook | undefined) => ({
  url: stored?.url ?? '',
  events: (stored?.events ?? ['turn.completed', 'turn.failed']) as EventType[],
  description: stored?.description ?? '',
  agent_id: stored?.agent_id ?? '',
  channel_id: stored?.channel_id ?? '',
})

const orNull = (text: string) => text.trim() || null

/** Creates or changes a webhook. The secret of a new one is shown once. */
export function WebhookForm({ stored, close }: { stored?: Webhook; close: () => void }) {
  const form = useSaveForm<ReturnType<typeof draftOf>, Webhook | WebhookWithSecret>({
    ...(stored && { stored }),
    draftOf,
    save({ url, events, ...draft }, base) {
      const body = {
        url: url.trim(),
        events,
        description: orNull(draft.description),
        agent_id: orNull(draft.agent_id),
        channel_id: orNull(draft.channel_id),
      }
      return base ? outlast.webhooks.update(base.id, body) : outlast.webhooks.create(body)
    },
    onSaved() {
      webhooksChanged()
      if (stored) close()
    },
  })
  const { saved } = form
  if (saved && 'secret' in saved) {
    return <NewSecret url={saved.url} secret={saved.secret} close={close} />
  }
  return (
    <FormModal
      form={form}
      title={stored ? 'Webhook' : 'New webhook'}
      verb={stored ? 'Save webhook' : 'Create webhook'}
      close={close}
    >
      <TextInput
        label="URL"
        placeholder="https://example.com/webhooks/outlast"
        required
        maxLength={2048}
        {...form.text('url')}
        data-autofocus
      />
      <MultiSelect
        label="Events"
        searchable
        data={types}
        value={form.draft.events}
        error={form.problem('events')}
        onChange={(events) => form.change({ events: events as EventType[] })}
      />
      <TextInput label="Description" maxLength={1024} {...form.text('description')} />
      <TextInput
        label="Agent"
        description="Id of an agent. Empty: events of all agents."
        {...form.text('agent_id')}
      />
      <TextInput
        label="Agent channel"
        description="Id of a channel. Empty: events of all sessions."
        {...form.text('channel_id')}
      />
    </FormModal>
  )
}
