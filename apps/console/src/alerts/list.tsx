import { Button, Group } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { alertsQuery } from '../queries/alerts.ts'
import { useMay } from '../queries/me.ts'
import { Empty, Failure } from '../shell/screen.tsx'
import { AlertEntry } from './alert-entry.tsx'
import { AlertForm } from './alert-form.tsx'

/** All alerts of the organization, newest first. */
export function Alerts() {
  const alerts = useQuery(alertsQuery)
  const mayWrite = useMay('member')
  const [isNew, setNew] = useState(false)
  return (
    <>
      {mayWrite && (
        <Group className="filter-bar">
          <Button size="xs" onClick={() => setNew(true)}>
            New alert
          </Button>
        </Group>
      )}
      {isNew && <AlertForm close={() => setNew(false)} />}
      {alerts.isError && <Failure error={alerts.error} retry={alerts.refetch} />}
      {alerts.data?.length === 0 && (
        <Empty title="No alerts yet">
          An alert watches failed turns, cost, or how long turns wait. It is sent to the webhooks
          that ask for it.
        </Empty>
      )}
      <ul className="entries scroll" aria-label="Alerts">
        {alerts.data?.map((one) => (
          <AlertEntry key={one.id} alert={one} />
        ))}
      </ul>
    </>
  )
}
