import { Button, Group, Menu } from '@mantine/core'
import type { Webhook, WebhookTest } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { outlast } from '../../client.ts'
import { webhooksChanged, webhooksQuery } from '../../queries/webhooks.ts'
import { ActButton } from '../../shell/act-button.tsx'
import { Ago } from '../../shell/ago.tsx'
import { Confirm, Refusal } from '../../shell/confirm.tsx'
import { Entry, State, type StateKind } from '../../shell/entry.tsx'
import { MoreMenu } from '../../shell/more-menu.tsx'
import { Empty, Failure } from '../../shell/screen.tsx'
import { Deliveries } from './deliveries.tsx'
import { WebhookForm } from './form.tsx'
import { NewSecret } from './new-secret.tsx'

/** Addresses that receive events of the organization. */
export function Webhooks() {
  const [isNew, setNew] = useState(false)
  const webhooks = useQuery(webhooksQuery)
  return (
    <>
      <Group className="filter-bar" justify="space-between">
        <span className="entry-about">A webhook sends a signed request for each event.</span>
        <Button size="xs" onClick={() => setNew(true)}>
          New webhook
        </Button>
      </Group>
      {isNew && <WebhookForm close={() => setNew(false)} />}
      {webhooks.isError && <Failure error={webhooks.error} retry={webhooks.refetch} />}
      {webhooks.data?.length === 0 && (
        <Empty title="No webhooks yet">
          Your backend can be notified when a turn ends or waits for a person.
        </Empty>
      )}
      <ul className="entries" aria-label="Webhooks">
        {webhooks.data?.map((one) => (
          <WebhookEntry key={one.id} webhook={one} />
        ))}
      </ul>
    </>
  )
}

function stateOf({ enabled, disabled_reason, failing_since }: Webhook): [StateKind, string] {
  if (disabled_reason === 'gone') return ['bad', 'disabled: the receiver answered 410']
  if (disabled_reason === 'failing') return ['bad', 'disabled: it failed for 5 days']
  if (!enabled) return ['off', 'disabled']
  return failing_since ? ['warn', 'failing'] : ['good', 'enabled']
}

type Opened = 'edit' | 'delete' | 'rotate' | 'deliveries'

function WebhookEntry({ webhook }: { webhook: Webhook }) {
  const { id, url, enabled } = webhook
  const [opened, setOpened] = useState<Opened>()
  const [secret, setSecret] = useState<string>()
  const close = () => setOpened(undefined)
  const test = useMutation({ mutationFn: () => outlast.webhooks.test(id) })
  const toggle = useMutation({
    mutationFn: () => outlast.webhooks.update(id, { enabled: !enabled }),
    onSuccess: webhooksChanged,
  })
  const error = test.error ?? toggle.error
  return (
    <>
      <Entry
        label={url}
        name={<Name webhook={webhook} />}
        about={<About webhook={webhook} />}
        side={
          <>
            <ActButton act={test}>Test</ActButton>
            <MoreMenu name={url} remove={() => setOpened('delete')}>
              <Menu.Item onClick={() => setOpened('deliveries')}>Deliveries</Menu.Item>
              <Menu.Item onClick={() => setOpened('edit')}>Edit</Menu.Item>
              <Menu.Item onClick={() => setOpened('rotate')}>Rotate secret</Menu.Item>
              <Menu.Item onClick={() => toggle.mutate()}>
                {enabled ? 'Disable' : 'Enable'}
              </Menu.Item>
            </MoreMenu>
          </>
        }
        below={error ? <Refusal error={error} /> : test.data && <Tested result={test.data} />}
      />
      {opened === 'edit' && <WebhookForm stored={webhook} close={close} />}
      {opened === 'deliveries' && <Deliveries webhook={webhook} close={close} />}
      {opened === 'delete' && (
        <Confirm
          title="Delete this webhook?"
          verb="Delete webhook"
          close={close}
          act={async () => {
            await outlast.webhooks.delete(id)
            webhooksChanged()
          }}
        >
          Events that wait for {url} are not sent.
        </Confirm>
      )}
      {opened === 'rotate' && (
        <Confirm
          title="Rotate the secret?"
          verb="Rotate secret"
          close={close}
          act={async () => {
            setSecret((await outlast.webhooks.rotate(id)).secret)
            webhooksChanged()
          }}
        >
          For 24 hours requests are signed with the old and the new secret.
        </Confirm>
      )}
      {secret && <NewSecret url={url} secret={secret} close={() => setSecret(undefined)} />}
    </>
  )
}

function Name({ webhook }: { webhook: Webhook }) {
  const [kind, word] = stateOf(webhook)
  return (
    <>
      {webhook.url}
      <State kind={kind}>{word}</State>
    </>
  )
}

function About({ webhook: { events, description, agent_id, channel_id, ...one } }: Props) {
  return (
    <>
      {events.join(', ')}
      {agent_id && ` · ${agent_id}`}
      {channel_id && ` · ${channel_id}`}
      {one.failing_since && (
        <>
          {' · failing since '}
          <Ago at={one.failing_since} />
        </>
      )}
      {description && <div>{description}</div>}
    </>
  )
}

type Props = { webhook: Webhook }

const Tested = ({
  result: { ok, response_status, message, duration_ms },
}: {
  result: WebhookTest
}) =>
  ok ? (
    <State kind="good">{`HTTP ${response_status} after ${duration_ms} ms.`}</State>
  ) : (
    <State kind="bad">{message ?? 'The request failed.'}</State>
  )
