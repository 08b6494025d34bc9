import { Alert, Button, Group, Modal, Progress, Text } from '@mantine/core'
import { isOutlastError } from '@outlast/sdk'
import { useMutation } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { invalidate, outlast } from '../../client.ts'
import { sentenceOf } from '../../errors.ts'
import { sessionKeys } from '../../queries/keys.ts'
import type { SessionFilter } from '../../queries/sessions.ts'

/** Maximum number of selected sessions. */
const selectedMax = 10_000
const atOnce = 6

type SelectionProps = {
  filter: SessionFilter
  total: { count: number; isMore: boolean }
  selected: ReadonlySet<string>
  select: (ids: readonly string[], isSelected: boolean) => void
  clear: () => void
}

/** Shows the number of sessions, or the actions for the selection. */
export function SelectionBar({ filter, total, selected, select, clear }: SelectionProps) {
  const [isAsking, setAsking] = useState(false)
  const all = useMutation({
    mutationFn: () => idsOf(filter),
    onSuccess: (ids) => select(ids, true),
  })
  useEffect(() => {
    const onKeyDown = ({ key }: KeyboardEvent) => {
      if (key === 'Escape' && !document.querySelector('[role="dialog"]')) clear()
    }
    window.addEventListener('keydown', onKeyDown)
    return () => window.removeEventListener('keydown', onKeyDown)
  })
  const words = `${total.count.toLocaleString('en')}${total.isMore ? '+' : ''}`
  const hasMore = selected.size < total.count && !total.isMore && total.count <= selectedMax
  return (
    <Group className="selection" gap="sm" role="status">
      {selected.size === 0 ? (
        <Text size="xs" c="dimmed">
          {words} {total.count === 1 ? 'session' : 'sessions'}
        </Text>
      ) : (
        <>
          <Text size="xs" fw={600}>
            {selected.size.toLocaleString('en')} selected
          </Text>
          {hasMore && (
            <Button
              size="compact-xs"
              variant="subtle"
              onClick={() => all.mutate()}
              loading={all.isPending}
            >
              Select all {words}
            </Button>
          )}
          <Button size="compact-xs" variant="subtle" color="gray" onClick={clear}>
            Clear selection
          </Button>
          <Button size="compact-xs" variant="light" color="red" onClick={() => setAsking(true)}>
            Delete sessions
          </Button>
        </>
      )}
      {all.isError && (
        <Text size="xs" c="red">
          {sentenceOf(all.error)}
        </Text>
      )}
      {isAsking && (
        <DeleteSessions ids={[...selected]} select={select} close={() => setAsking(false)} />
      )}
    </Group>
  )
}

async function idsOf(filter: SessionFilter): Promise<string[]> {
  const ids: string[] = []
  for await (const { id } of outlast.sessions.list({ ...filter, limit: 100 })) {
    if (ids.push(id) >= selectedMax) break
  }
  return ids
}

type DeleteProps = {
  ids: readonly string[]
  select: SelectionProps['select']
  close: () => void
}

/** Deletes the selected sessions. `ids`: the sessions that remain. */
function DeleteSessions({ ids: left, select, close }: DeleteProps) {
  const [all] = useState(left)
  const stopping = useRef(new AbortController())
  const [isStopping, setStopping] = useState(false)
  const deleting = useMutation({
    mutationFn() {
      stopping.current = new AbortController()
      setStopping(false)
      const { signal } = stopping.current
      return deleteAll(left, { signal, onDone: (id) => select([id], false) })
    },
    onSettled: () => invalidate(sessionKeys.lists),
    onSuccess: ({ isWhole }) => isWhole && close(),
  })
  const isDeleting = deleting.isPending && !isStopping
  const stop = () => {
    stopping.current.abort()
    setStopping(true)
    if (!isDeleting) close()
  }
  const words = all.length === 1 ? 'this session' : `${numberOf(all)} sessions`
  const done = all.length - left.length
  return (
    <Modal opened onClose={stop} title={`Delete ${words}?`} centered>
      <Text size="sm">
        {all.length === 1 ? 'Its' : 'Their'} messages, events and files are deleted, and running
        turns are stopped. This cannot be undone.
      </Text>
      {deleting.isPending && (
        <Progress
          value={(100 * done) / all.length}
          mt="md"
          aria-label={`${done} of ${all.length} deleted`}
        />
      )}
      {deleting.data && !deleting.data.isWhole && (
        <Left done={done} of={all.length} error={deleting.data.error} />
      )}
      <Group justify="flex-end" mt="lg" gap="xs">
        <Button variant="default" onClick={stop}>
          {isDeleting ? 'Stop' : deleting.isIdle ? 'Cancel' : 'Close'}
        </Button>
        <Button color="red" loading={deleting.isPending} onClick={() => deleting.mutate()}>
          {deleting.data
            ? 'Delete remaining'
            : all.length === 1
              ? 'Delete session'
              : 'Delete sessions'}
        </Button>
      </Group>
    </Modal>
  )
}

const numberOf = (ids: readonly string[]) => ids.length.toLocaleString('en')

/** Reports an incomplete deletion. */
function Left({ done, of, error }: { done: number; of: number; error: unknown }) {
  const left = of - done
  return (
    <Alert color={error === undefined ? 'yellow' : 'red'} mt="md" role="alert">
      {done} of {of} sessions deleted. {left} {left === 1 ? 'remains' : 'remain'} selected.
      {error !== undefined && ` ${sentenceOf(error)}`}
    </Alert>
  )
}

type Deleting = { signal: AbortSignal; onDone: (id: string) => void }

/**
 * Deletes sessions, 6 at a time. A session that no longer exists counts as deleted. After an abort
 * it waits for pending requests, so that the count is exact.
 */
async function deleteAll(ids: readonly string[], { signal, onDone }: Deleting) {
  const rest = ids.values()
  let done = 0
  let error: unknown
  async function work() {
    for (const id of rest) {
      if (signal.aborted) return
      try {
        await outlast.sessions.delete(id)
      } catch (caught) {
        if (!isOutlastError(caught, 'not_found')) {
          error = caught
          // Without a connection, all other requests fail as well.
          if (isOutlastError(caught) && caught.status === 0) return
          continue
        }
      }
      done += 1
      onDone(id)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return { isWhole: done === ids.length, error }
}
