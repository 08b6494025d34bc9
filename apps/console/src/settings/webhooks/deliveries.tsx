import type { Webhook, WebhookDelivery } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { outlast } from '../../client.ts'
import { deliveriesQuery, webhooksChanged } from '../../queries/webhooks.ts'
import { ActButton } from '../../shell/controls/act-button.tsx'
import { Refusal } from '../../shell/controls/confirm.tsx'
import { Dialog } from '../../shell/controls/dialog.tsx'
import { List, type ListColumn, ListRow } from '../../shell/list/list.tsx'
import { Empty } from '../../shell/screen/screen.tsx'
import { State, type StateKind } from '../../shell/screen/state.tsx'
import { Ago } from '../../shell/text/ago.tsx'

/** The latest deliveries of a webhook, each of which can be sent again. */
export function Deliveries({ webhook, close }: { webhook: Webhook; close: () => void }) {
  const deliveries = useQuery(deliveriesQuery(webhook.id))
  return (
    <Dialog close={close} title="Latest deliveries" size="lg">
      <p className="list-dim">{webhook.url}</p>
      <List
        label="Deliveries"
        columns={columns}
        query={deliveries}
        items={deliveries.data ?? []}
        empty={<Empty title="No deliveries yet">Events appear here when they are stored.</Empty>}
        row={(one) => <DeliveryEntry key={one.event_id} webhookId={webhook.id} delivery={one} />}
      />
    </Dialog>
  )
}

const kinds: Record<WebhookDelivery['status'], StateKind> = {
  pending: 'busy',
  delivered: 'good',
  failed: 'bad',
}

const columns: ListColumn[] = [
  { id: 'event', head: 'Event', width: 'minmax(140px, 1fr)' },
  { id: 'status', head: 'Status', width: '92px' },
  { id: 'attempts', head: 'Attempts', width: '84px', from: 'medium' },
  { id: 'stored', head: 'Stored', width: '112px', isRight: true, from: 'medium' },
  { id: 'actions', head: '', width: '80px', isRight: true },
]

type DeliveryProps = { webhookId: string; delivery: WebhookDelivery }

function DeliveryEntry({ webhookId, delivery }: DeliveryProps) {
  const { event_id, event_type, status, attempts, error, created_at, next_attempt_at } = delivery
  const resend = useMutation({
    mutationFn: () => outlast.webhooks.resend(webhookId, event_id),
    onSuccess: webhooksChanged,
  })
  return (
    <ListRow
      label={event_id}
      below={
        <>
          {error}
          {next_attempt_at && attempts > 0 && (
            <div>
              Next attempt <Ago at={next_attempt_at} />
            </div>
          )}
          {resend.error && <Refusal error={resend.error} />}
        </>
      }
    >
      <span className="list-name" title={event_id}>
        {event_type}
      </span>
      <State kind={kinds[status]}>{status}</State>
      <span className="list-dim">{attempts === 1 ? '1 attempt' : `${attempts} attempts`}</span>
      <span className="list-dim">
        <Ago at={created_at} />
      </span>
      <div className="list-actions">
        <ActButton act={resend}>Resend</ActButton>
      </div>
    </ListRow>
  )
}
