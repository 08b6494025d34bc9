import { Button, Group, Menu } from '@mantine/core'
import type { Webhook, WebhookTest } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { outlast } from '../../client.ts'
import { useAgentNames } from '../../queries/agents.ts'
import { webhooksChanged, webhooksQuery } from '../../queries/webhooks.ts'
import { ActButton } from '../../shell/controls/act-button.tsx'
import { Confirm, Refusal } from '../../shell/controls/confirm.tsx'
import { MoreMenu } from '../../shell/controls/more-menu.tsx'
import { List, type ListColumn, ListRow } from '../../shell/list/list.tsx'
import type { Sortable } from '../../shell/list/sort.ts'
import { Empty } from '../../shell/screen/screen.tsx'
import { State, type StateKind } from '../../shell/screen/state.tsx'
import { Ago } from '../../shell/text/ago.tsx'
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
        <span className="list-dim">A webhook sends a signed request for each event.</span>
        <Button size="xs" onClick={() => setNew(true)}>
          New webhook
        </Button>
      </Group>
      {isNew && <WebhookForm close={() => setNew(false)} />}
      <List
        label="Webhooks"
        columns={columns}
        query={webhooks}
        items={webhooks.data ?? []}
        sort={sort}
        empty={
          <Empty title="No webhooks yet">
            Your backend can be notified when a turn ends or waits for a person.
            <div>
              <Button size="xs" mt="sm" onClick={() => setNew(true)}>
                Create a webhook
              </Button>
            </div>
          </Empty>
        }
        row={(one) => <WebhookEntry key={one.id} webhook={one} />}
      />
    </>
  )
}

function stateOfWebhook({ enabled, disabled_reason, failing_since }: Webhook): [StateKind, string] {
  if (disabled_reason === 'gone') return ['bad', 'disabled: the receiver answered 410']
  if (disabled_reason === 'failing') return ['bad', 'disabled: it failed for 5 days']
  if (!enabled) return ['off', 'disabled']
  return failing_since ? ['warn', 'failing'] : ['good', 'enabled']
}

const columns: ListColumn[] = [
  { id: 'url', head: 'URL', width: 'minmax(160px, 1.2fr)', sort: 'asc' },
  { id: 'status', head: 'Status', width: 'minmax(80px, max-content)', sort: 'asc' },
  { id: 'events', head: 'Events', width: 'minmax(0, 1.4fr)', from: 'medium', isSecond: true },
  { id: 'failing-since', head: 'Failing since', width: '112px', isRight: true, from: 'wide' },
  { id: 'actions', head: '', width: '96px', isRight: true },
]

const sort: Sortable<Webhook> = {
  url: ({ url }) => url,
  status: (webhook) => stateOfWebhook(webhook)[1],
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
  const [kind, word] = stateOfWebhook(webhook)
  const scope = useScope(webhook)
  return (
    <>
      <ListRow
        label={url}
        isOff={!enabled}
        below={error ? <Refusal error={error} /> : test.data && <Tested result={test.data} />}
      >
        <span className="list-name" title={webhook.description ?? url}>
          {url}
        </span>
        <State kind={kind}>{word}</State>
        <span className="list-dim" title={scope}>
          {scope}
        </span>
        <span className="list-dim">
          {webhook.failing_since && <Ago at={webhook.failing_since} />}
        </span>
        <div className="list-actions">
          <ActButton act={test}>Test</ActButton>
          <MoreMenu name={url} remove={() => setOpened('delete')}>
            <Menu.Item onClick={() => setOpened('deliveries')}>Deliveries</Menu.Item>
            <Menu.Item onClick={() => setOpened('edit')}>Edit</Menu.Item>
            <Menu.Item onClick={() => setOpened('rotate')}>Rotate secret</Menu.Item>
            <Menu.Item onClick={() => toggle.mutate()}>{enabled ? 'Disable' : 'Enable'}</Menu.Item>
          </MoreMenu>
        </div>
      </ListRow>
      {opened === 'edit' && <WebhookForm stored={webhook} close={close} />}
      {opened === 'deliveries' && <Deliveries webhook={webhook} close={close} />}
      {opened === 'delete' && (
        <Confirm
          title="Delete this webhook?"
          verb="Delete webhook"
          done="Webhook deleted"
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

/** The events of a webhook, and what limits them. */
function useScope({ events, agent_id, channel_id }: Webhook) {
  const names = useAgentNames()
  const agent = agent_id && (names.get(agent_id) ?? agent_id)
  return [events.join(', '), agent, channel_id].filter(Boolean).join(' · ')
}

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
