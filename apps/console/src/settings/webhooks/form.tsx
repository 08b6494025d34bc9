import { MultiSelect, Select, TextInput } from '@mantine/core'
import type { NewWebhook, Webhook, WebhookWithSecret } from '@outlast/sdk'
import { outlast } from '../../client.ts'
import { FormModal } from '../../form/form-modal.tsx'
import { useSaveForm } from '../../form/use-save-form.ts'
import { useAgentChoices } from '../../queries/agents.ts'
import { webhooksChanged } from '../../queries/webhooks.ts'
import { NewSecret } from './new-secret.tsx'

type EventType = NewWebhook['events'][number]

/** The compiler asks for each new type. */
const labels: Record<EventType, string> = {
  'turn.completed': 'A turn completed',
  'turn.failed': 'A turn failed',
  'turn.cancelled': 'A turn was cancelled',
  'approval.requested': 'A tool call needs approval',
  'approval.expired': 'An approval expired',
  'question.asked': 'A tool asks a person',
  'tool_results.requested': 'Client tools must run',
  'budget.warning': 'A budget has little left',
  'budget.exhausted': 'A budget is used up',
  'budget.paused': 'A turn waits for a paused budget',
  'session.created': 'A session was created',
  'feedback.given': 'A reply was rated',
  'alert.fired': 'An alert fired',
  'alert.resolved': 'An alert resolved',
  'schedule.failed': 'A schedule failed',
  'mcp_server.unauthorized': 'An MCP server rejects its key',
}
const types = Object.keys(labels) as EventType[]

const draftOf = (stored: Webhook | undefined) => ({
  url: stored?.url ?? '',
  events: (stored?.events ?? ['turn.completed', 'turn.failed']) as EventType[],
  description: stored?.description ?? '',
  agent_id: stored?.agent_id ?? '',
  channel_id: stored?.channel_id ?? '',
})

type Choice = { value: string; label: string }

/** The choices with the stored agent, which may be deleted or archived. */
const withStored = (choices: Choice[], id: string | null | undefined) =>
  id == null || choices.some(({ value }) => value === id)
    ? choices
    : [...choices, { value: id, label: id }]

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
    ...(stored && { done: 'Webhook saved' }),
    onSaved() {
      webhooksChanged()
      if (stored) close()
    },
  })
  const agents = useAgentChoices()
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
        withAsterisk
        searchable
        data={types}
        renderOption={({ option: { value } }) => (
          <span>
            {value}
            <span className="list-dim"> {labels[value as EventType]}</span>
          </span>
        )}
        value={form.draft.events}
        error={form.problem('events')}
        onChange={(events) => form.change({ events: events as EventType[] })}
      />
      <TextInput label="Description" maxLength={1024} {...form.text('description')} />
      <Select
        label="Agent"
        placeholder="All agents"
        searchable
        clearable
        limit={200}
        data={withStored(agents, stored?.agent_id)}
        value={form.draft.agent_id || null}
        error={form.problem('agent_id')}
        onChange={(id) => form.change({ agent_id: id ?? '' })}
      />
      <TextInput
        label="Agent channel"
        description="Id of a channel of an agent. Empty: events of all sessions."
        placeholder="appchan_…"
        {...form.text('channel_id')}
      />
    </FormModal>
  )
}
