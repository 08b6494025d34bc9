import { Badge, Group, Select, Text, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import type { Session } from '@outlast/sdk'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useRef } from 'react'
import { outlast } from '../client.ts'
import { Ago } from '../shell/ago.tsx'
import { Empty, Failure, Screen } from '../shell/screen.tsx'

const pageSize = 100
const rowHeight = 63

/** All sessions, the newest first; only what is on the screen is drawn. */
export function SessionList() {
  const { search, status, agent, tag } = useSearch({ from: '/' })
  const navigate = useNavigate({ from: '/' })
  const query = { search, status, agent_id: agent, tag }
  const pages = useInfiniteQuery({
    queryKey: ['sessions', query],
    initialPageParam: 0,
    queryFn: async ({ pageParam: offset, signal }) =>
      await outlast.sessions.list({ ...query, offset, limit: pageSize }, { signal }),
    getNextPageParam: ({ data, offset }) =>
      data.length === pageSize ? offset + pageSize : undefined,
  })
  const rows = pages.data?.pages.flatMap(({ data }) => data) ?? []
  const look = useDebouncedCallback((text: string) => {
    navigate({ search: (before) => ({ ...before, search: text || undefined }), replace: true })
  }, 250)
  return (
    <Screen title="Sessions">
      <Group p="sm" gap="xs">
        <TextInput
          aria-label="Search"
          placeholder="Search titles and first words"
          defaultValue={search}
          onChange={({ currentTarget }) => look(currentTarget.value)}
          flex={1}
        />
        <Select
          aria-label="Status"
          placeholder="Any status"
          clearable
          data={['started', 'active', 'idle']}
          value={status ?? null}
          onChange={(value) =>
            navigate({ search: (before) => ({ ...before, status: value as typeof status }) })
          }
          w={140}
        />
      </Group>
      {pages.isError && <Failure error={pages.error} retry={pages.refetch} />}
      {pages.isSuccess && rows.length === 0 && <Empty title="There is no such session." />}
      <Rows
        rows={rows}
        more={() => pages.hasNextPage && !pages.isFetching && pages.fetchNextPage()}
      />
    </Screen>
  )
}

function Rows({ rows, more }: { rows: Session[]; more: () => unknown }) {
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 10,
  })
  const items = virtual.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (last > rows.length - 30) more()
  }, [last, rows.length, more])
  return (
    <div ref={box} className="scroll">
      <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
        {items.map(({ index, start, key }) => (
          <div key={key} style={{ position: 'absolute', top: start, left: 0, right: 0 }}>
            <Row session={rows[index]!} />
          </div>
        ))}
      </div>
    </div>
  )
}

const colors = { started: 'gray', active: 'green', idle: 'blue' } as const

function Row({
  session: { id, title, preview, output_preview, status, created_at },
}: {
  session: Session
}) {
  return (
    <Link to="/sessions/$sessionId" params={{ sessionId: id }} className="row">
      <Text fw={500} truncate>
        {title ?? preview ?? 'No message yet'}
      </Text>
      <Group gap="xs">
        <Text size="xs" c="dimmed">
          <Ago at={created_at} />
        </Text>
        <Badge color={colors[status]} variant="light">
          {status}
        </Badge>
      </Group>
      <span className="second">{output_preview ?? id}</span>
    </Link>
  )
}
