import { Button, Menu } from '@mantine/core'
import type { Alert, AlertFiring } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { invalidate, outlast } from '../client.ts'
import { useAgentNames } from '../queries/agents.ts'
import { alertFiringsQuery } from '../queries/alerts.ts'
import { alertKeys } from '../queries/keys.ts'
import { useMay } from '../queries/me.ts'
import { Confirm, Failed } from '../shell/controls/confirm.tsx'
import { MoreMenu } from '../shell/controls/more-menu.tsx'
import { ListRow } from '../shell/list/list.tsx'
import { Failure } from '../shell/screen/screen.tsx'
import { State } from '../shell/screen/state.tsx'
import { Ago } from '../shell/text/ago.tsx'
import { escaped } from '../shell/text/escapes.ts'
import { AlertForm } from './alert-form.tsx'
import { ruleText, valueText } from './draft.ts'

/** One alert with its state, its value and, on demand, its firings. */
export function AlertEntry({ alert }: { alert: Alert }) {
  const { id, name, enabled } = alert
  const [opened, setOpened] = useState<'edit' | 'delete' | 'firings'>()
  const mayWrite = useMay('member')
  const toggle = useMutation({
    mutationFn: () => outlast.alerts.update(id, { enabled: !enabled }),
    onSuccess: () => invalidate(alertKeys.all),
  })
  const close = () => setOpened(undefined)
  return (
    <>
      <ListRow
        label={name}
        isOff={!enabled}
        below={opened === 'firings' && <Firings alert={alert} />}
      >
        <span className="list-name">{escaped(name)}</span>
        <AlertState alert={alert} />
        <Rule alert={alert} />
        <Value alert={alert} />
        <div className="list-actions">
          <Button
            size="xs"
            variant="default"
            aria-expanded={opened === 'firings'}
            onClick={() => setOpened(opened === 'firings' ? undefined : 'firings')}
          >
            History
          </Button>
          {mayWrite && (
            <MoreMenu name={name} remove={() => setOpened('delete')}>
              <Menu.Item onClick={() => setOpened('edit')}>Edit</Menu.Item>
              <Menu.Item onClick={() => toggle.mutate()}>
                {enabled ? 'Disable' : 'Enable'}
              </Menu.Item>
            </MoreMenu>
          )}
        </div>
      </ListRow>
      <Failed of={[toggle]} />
      {opened === 'edit' && <AlertForm stored={alert} close={close} />}
      {opened === 'delete' && (
        <Confirm
          title={`Delete ${name}?`}
          verb="Delete alert"
          done="Alert deleted"
          close={close}
          act={async () => {
            await outlast.alerts.delete(id)
            invalidate(alertKeys.all)
          }}
        >
          Its history is deleted too. If it fires, webhooks receive that it is resolved.
        </Confirm>
      )}
    </>
  )
}

function AlertState({ alert: { enabled, state, fired_at } }: { alert: Alert }) {
  if (!enabled) return <State kind="off">disabled</State>
  if (state === 'ok') return <State kind="good">ok</State>
  return (
    <State kind="bad">
      <span>
        Firing since <Ago at={fired_at!} />
      </span>
    </State>
  )
}

function Rule({ alert }: { alert: Alert }) {
  const names = useAgentNames()
  const { agent_id } = alert
  return (
    <span>
      {ruleText(alert)}
      {agent_id && ` · ${names.get(agent_id) ?? agent_id}`}
    </span>
  )
}

const Value = ({ alert: { metric, value, evaluated_at } }: { alert: Alert }) =>
  value !== null &&
  evaluated_at && (
    <span className="list-dim">
      {`${valueText(metric, value)} `}
      <Ago at={evaluated_at} />
    </span>
  )

function Firings({ alert: { id, metric } }: { alert: Alert }) {
  const firings = useQuery(alertFiringsQuery(id))
  if (firings.isError) return <Failure error={firings.error} retry={firings.refetch} />
  if (firings.data?.length === 0) return <>It has not fired.</>
  return (
    <ul className="entries" aria-label="History">
      {firings.data?.map((one) => (
        <FiringRow key={one.id} firing={one} metric={metric} />
      ))}
    </ul>
  )
}

const FiringRow = ({ firing, metric }: { firing: AlertFiring; metric: Alert['metric'] }) => (
  <li>
    Fired <Ago at={firing.fired_at} /> at {valueText(metric, firing.value)},{' '}
    {firing.resolved_at ? (
      <>
        {firing.resolution === 'disabled' ? 'disabled' : 'resolved'} <Ago at={firing.resolved_at} />
      </>
    ) : (
      'not resolved yet'
    )}
  </li>
)
