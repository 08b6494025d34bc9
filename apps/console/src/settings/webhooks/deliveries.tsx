import { Modal } from '@mantine/core'
import type { Webhook, WebhookDelivery } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { outlast } from '../../client.ts'
import { deliveriesQuery, webhooksChanged } from '../../queries/webhooks.ts'
import { ActButton } from '../../shell/act-button.tsx'
import { Ago } from '../../shell/ago.tsx'
import { Refusal } from '../../shell/confirm.tsx'
import { Entry, State, type StateKind } from '../../shell/entry.tsx'
import { Empty, Failure } from '../../shell/screen.tsx'

/** The latest deliveries of a webhook, each of which can be sent again. */
export function Deliveries({ webhook, close }: { webhook: Webhook; close: () => void }) {
  const deliveries = useQuery(deliveriesQuery(webhook.id))
  return (
    <Modal opened onClose={close} title="Latest deliveries" size="lg" centered>
      {deliveries.isError && <Failure error={deliveries.error} retry={deliveries.refetch} />}
      {deliveries.data?.length === 0 && (
        <Empty title="No deliveries yet">Events appear here when they are stored.</Empty>
      )}
      <ul className="entries" aria-label="Deliveries">
        {deliveries.data?.map((one) => (
          <DeliveryEntry key={one.event_id} webhookId={webhook.id} delivery={one} />
        ))}
      </ul>
    </Modal>
  )
}

const kinds: Record<WebhookDelivery['status'], StateKind> = {
  pending: 'busy',
  delivered: 'good',
  failed: 'bad',
}

type DeliveryProps = { webhookId: string; delivery: WebhookDelivery }

function DeliveryEntry({ webhookId, delivery }: DeliveryProps) {
  const { event_id, event_type, status, attempts, error, created_at, next_attempt_at } = delivery
  const resend = useMutation({
    mutationFn: () => outlast.webhooks.resend(webhookId, event_id),
    onSuccess: webhooksChanged,
  })
  return (
    <Entry
      label={event_id}
      name={
        <>
          {event_type}
          <State kind={kinds[status]}>{status}</State>
        </>
      }
      about={
        <>
          <Ago at={created_at} /> · {attempts === 1 ? '1 attempt' : `${attempts} attempts`}
          {error && ` · ${error}`}
          {next_attempt_at && attempts > 0 && (
            <>
              {' Next attempt '}
              <Ago at={next_attempt_at} />
            </>
          )}
          <div>{event_id}</div>
        </>
      }
      side={<ActButton act={resend}>Resend</ActButton>}
      below={resend.error && <Refusal error={resend.error} />}
    />
  )
}
