import { Button, Group } from '@mantine/core'
import type { Alert } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { alertsQuery } from '../queries/alerts.ts'
import { useMay } from '../queries/me.ts'
import { List, type ListColumn } from '../shell/list/list.tsx'
import type { Sortable } from '../shell/list/sort.ts'
import { Empty } from '../shell/screen/screen.tsx'
import { AlertEntry } from './alert-entry.tsx'
import { AlertForm } from './alert-form.tsx'

const columns: ListColumn[] = [
  { id: 'name', head: 'Alert', width: 'minmax(120px, 1fr)', sort: 'asc' },
  { id: 'status', head: 'Status', width: '172px', sort: 'asc' },
  { id: 'rule', head: 'Rule', width: 'minmax(0, 1.6fr)', from: 'medium', isSecond: true },
  { id: 'value', head: 'Value', width: '160px', isRight: true, from: 'wide' },
  { id: 'actions', head: '', width: '112px', isRight: true },
]

const sort: Sortable<Alert> = {
  name: ({ name }) => name,
  status: ({ enabled, state }) => (enabled ? state : undefined),
}

/** All alerts of the organization, newest first. */
export function Alerts() {
  const alerts = useQuery(alertsQuery)
  const mayWrite = useMay('member')
  const [isNew, setNew] = useState(false)
  return (
    <>
      <Group className="filter-bar" justify="space-between">
        <span className="list-dim">
          An alert that fires or resolves is sent to the webhooks that ask for it.
        </span>
        {mayWrite && (
          <Button size="xs" onClick={() => setNew(true)}>
            New alert
          </Button>
        )}
      </Group>
      {isNew && <AlertForm close={() => setNew(false)} />}
      <div className="scroll">
        <List
          label="Alerts"
          columns={columns}
          query={alerts}
          items={alerts.data ?? []}
          sort={sort}
          empty={
            <Empty title="No alerts yet">
              An alert watches failed turns, cost, or how long turns wait.
              {mayWrite && (
                <div>
                  <Button size="xs" mt="sm" onClick={() => setNew(true)}>
                    Create an alert
                  </Button>
                </div>
              )}
            </Empty>
          }
          row={(one) => <AlertEntry key={one.id} alert={one} />}
        />
      </div>
    </>
  )
}
