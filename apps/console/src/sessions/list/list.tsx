import './list.css'
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useMemo, useState } from 'react'
import { type SessionFilter, sessionPageQuery } from '../../queries/sessions.ts'
import type { SessionsSearch } from '../../search.ts'
import { Empty, Failure, Screen } from '../../shell/screen.tsx'
import { SessionFilters } from './list-filters.tsx'
import { FirstRun } from './list-first-run.tsx'
import { NewSession } from './list-new.tsx'
import { Rows } from './list-rows.tsx'
import { SelectionBar } from './list-selection.tsx'

/** Filters by the states that rows show. */
const byState: Record<NonNullable<SessionsSearch['status']>, SessionFilter> = {
  started: { status: 'started' },
  active: { status: 'active' },
  waiting: { waiting: true },
  idle: { status: 'idle' },
  failed: { outcome: 'failed' },
}

/** All sessions, newest first, updated live. */
export function SessionList() {
  const { search, status, agent, tag, new: isMaking = false } = useSearch({ from: '/' })
  const navigate = useNavigate({ from: '/' })
  const filter = useMemo(
    () => ({
      ...(search && { search }),
      ...(status && byState[status]),
      ...(agent && { agent_id: agent }),
      ...(tag && { tag }),
    }),
    [search, status, agent, tag],
  )
  const make = (isOpen: boolean) =>
    navigate({ search: (before) => ({ ...before, new: isOpen || undefined }), replace: true })
  return (
    <Screen
      title="Sessions"
      actions={
        <Button size="xs" onClick={() => make(true)}>
          New session
        </Button>
      }
    >
      <SessionFilters />
      {isMaking && <NewSession agentId={agent} close={() => make(false)} />}
      <Listed key={JSON.stringify(filter)} filter={filter} />
    </Screen>
  )
}

type Total = { count: number; isMore: boolean }

function Listed({ filter }: { filter: SessionFilter }) {
  const first = useQuery(sessionPageQuery(filter, 0))
  const [counted, setCounted] = useState<Total>()
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const select = useCallback((ids: readonly string[], isSelected: boolean) => {
    setSelected((before) => {
      const after = new Set(before)
      for (const id of ids) isSelected ? after.add(id) : after.delete(id)
      return after
    })
  }, [])
  if (!first.data) {
    return first.isError ? <Failure error={first.error} retry={first.refetch} /> : null
  }
  if (first.data.data.length === 0 && first.data.total === 0) {
    if (Object.keys(filter).length === 0) return <FirstRun />
    return (
      <Empty title="No sessions match">
        <Button
          size="xs"
          variant="default"
          mt="sm"
          renderRoot={(props) => <Link to="/" {...props} />}
        >
          Clear filters
        </Button>
      </Empty>
    )
  }
  const total = counted ?? { count: first.data.total, isMore: first.data.total_capped ?? false }
  return (
    <>
      <SelectionBar
        filter={filter}
        total={total}
        selected={selected}
        select={select}
        clear={() => setSelected(new Set())}
      />
      <Rows
        filter={filter}
        total={total}
        onTotal={setCounted}
        selected={selected}
        select={select}
      />
    </>
  )
}
