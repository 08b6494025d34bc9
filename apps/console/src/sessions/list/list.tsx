import './list.css'
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useMemo, useState } from 'react'
import { type SessionFilter, sessionPageQuery } from '../../queries/sessions.ts'
import { ClearFilters } from '../../shell/list/clear-filters.tsx'
import { shownColumns } from '../../shell/list/columns.ts'
import { Empty, Failure, Screen } from '../../shell/screen/screen.tsx'
import { Skeleton } from '../../shell/screen/skeleton.tsx'
import { SessionFilters } from './list-filters.tsx'
import { FirstRun } from './list-first-run.tsx'
import { NewSession } from './list-new.tsx'
import { Rows } from './list-rows.tsx'
import { SelectionBar } from './list-selection.tsx'
import { filterOf, type SessionColumn, sessionColumns } from './list-state.ts'
import { SavedViews } from './list-views.tsx'

/** All sessions, newest first by default, updated live. */
export function SessionList() {
  const search = useSearch({ from: '/' })
  const { agent, new: isMaking = false } = search
  const navigate = useNavigate({ from: '/' })
  const key = JSON.stringify(filterOf(search))
  const filter = useMemo(() => JSON.parse(key) as SessionFilter, [key])
  const columns = useMemo(() => shownColumns(sessionColumns, search.columns), [search.columns])
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
      <SavedViews />
      <SessionFilters />
      {isMaking && <NewSession agentId={agent} close={() => make(false)} />}
      <Listed key={key} filter={filter} columns={columns} />
    </Screen>
  )
}

type Total = { count: number; isMore: boolean }

type ListedProps = { filter: SessionFilter; columns: readonly SessionColumn[] }

function Listed({ filter, columns }: ListedProps) {
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
    return first.isError ? <Failure error={first.error} retry={first.refetch} /> : <Skeleton />
  }
  if (first.data.data.length === 0 && first.data.total === 0) {
    if (Object.keys(filter).length === 0) return <FirstRun />
    return (
      <Empty title="No sessions match">
        <ClearFilters />
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
        columns={columns}
        total={total}
        onTotal={setCounted}
        selected={selected}
        select={select}
      />
    </>
  )
}
