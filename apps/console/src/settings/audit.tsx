import { Button, Group } from '@mantine/core'
import type { AuditEntry } from '@outlast/sdk'
import { useInfiniteQuery, useMutation } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { outlast } from '../client.ts'
import { saveLines } from '../files/save.ts'
import { auditQuery } from '../queries/audit.ts'
import { ActButton } from '../shell/controls/act-button.tsx'
import { Refusal } from '../shell/controls/confirm.tsx'
import { FilterSelect } from '../shell/list/filter-select.tsx'
import { List, type ListColumn, ListRow } from '../shell/list/list.tsx'
import { TextFilter } from '../shell/list/text-filter.tsx'
import { Empty } from '../shell/screen/screen.tsx'
import { Ago } from '../shell/text/ago.tsx'
import { exactTimeOf } from '../shell/text/times.ts'
import { type AuditFilters, queryOf } from './audit-query.ts'

/** The audit log: action, actor, target, address and time, newest first. */
export function Audit() {
  const filters = useSearch({ from: '/settings' })
  const { action, target, since } = filters
  const navigate = useNavigate({ from: '/settings' })
  const set = (change: AuditFilters) =>
    navigate({ search: (before) => ({ ...before, ...change }), replace: true })
  const entries = useInfiniteQuery(auditQuery({ action, target, since }))
  const list = entries.data?.pages.flatMap(({ data }) => data) ?? []
  return (
    <>
      <Group className="filter-bar" gap="xs" role="search">
        <TextFilter
          label="Action"
          placeholder="Action, such as delete_agent"
          value={action}
          lengthMax={100}
          onChange={(value) => set({ action: value })}
          className="grows"
        />
        <TextFilter
          label="Target"
          placeholder="ID of the changed resource"
          value={target}
          onChange={(value) => set({ target: value })}
          className="grows"
        />
        <FilterSelect
          w={130}
          label="Time range"
          any="Any time"
          data={[
            { value: 'day', label: 'Last 24 hours' },
            { value: 'week', label: 'Last 7 days' },
            { value: 'month', label: 'Last 30 days' },
          ]}
          value={since}
          onChange={(value) => set({ since: value })}
        />
        <Export filters={filters} />
      </Group>
      <List
        label="Audit log"
        columns={columns}
        query={entries}
        items={list}
        empty={
          <Empty
            title={action || target || since ? 'No audit events match' : 'No audit events yet'}
          >
            Every change is recorded here and cannot be edited. Messages and sessions have their own
            logs.
          </Empty>
        }
        row={(one) => <AuditRow key={one.id} entry={one} />}
      />
      {entries.hasNextPage && (
        <Group p="md">
          <Button
            size="xs"
            variant="default"
            loading={entries.isFetchingNextPage}
            onClick={() => entries.fetchNextPage()}
          >
            Load more
          </Button>
        </Group>
      )}
    </>
  )
}

function Export({ filters }: { filters: AuditFilters }) {
  const save = useMutation({
    mutationFn: async () =>
      saveLines(await outlast.audit.export(queryOf(filters)), 'audit-log.ndjson'),
  })
  return (
    <>
      <ActButton act={save}>Export log</ActButton>
      {save.isError && <Refusal error={save.error} />}
    </>
  )
}

const columns: ListColumn[] = [
  { id: 'action', head: 'Action', width: 'minmax(150px, 0.8fr)' },
  { id: 'actor', head: 'Actor', width: 'minmax(100px, 0.7fr)' },
  { id: 'target', head: 'Target', width: 'minmax(0, 1fr)', from: 'medium', isSecond: true },
  { id: 'address', head: 'Address', width: '128px', from: 'wide' },
  { id: 'time', head: 'Time', width: '104px', isRight: true },
  { id: 'actions', head: '', width: '76px', isRight: true },
]

function AuditRow({ entry }: { entry: AuditEntry }) {
  const { action, actor_name, actor_type, actor_id, target, address, created_at, details, reason } =
    entry
  const [isOpen, setOpen] = useState(false)
  const hasMore = reason || Object.keys(details ?? {}).length > 0
  return (
    <ListRow
      label={`${action} ${exactTimeOf(created_at)}`}
      more={
        isOpen && (
          <div className="list-below">
            {reason && <div>{reason}</div>}
            {details && <pre className="prompt">{JSON.stringify(details, null, 2)}</pre>}
          </div>
        )
      }
    >
      <code className="list-name">{action}</code>
      <span>{actor_name ?? actor_id ?? actor_type}</span>
      <code className="list-dim" title={target ?? undefined}>
        {target}
      </code>
      <span className="list-dim">{address}</span>
      <span className="list-dim">
        <Ago at={created_at} />
      </span>
      <div className="list-actions">
        {hasMore && (
          <Button
            size="compact-xs"
            variant="default"
            aria-expanded={isOpen}
            onClick={() => setOpen(!isOpen)}
          >
            Details
          </Button>
        )}
      </div>
    </ListRow>
  )
}
