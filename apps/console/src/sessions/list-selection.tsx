import { Alert, Button, Group, Modal, Progress, Text } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { outlast, sentenceOf } from '../client.ts'
import type { SessionFilter } from './list-pages.ts'

/** So many can be selected at once. */
const selectedMax = 10_000
const atOnce = 6

type SelectionProps = {
  filter: SessionFilter
  total: { count: number; isMore: boolean }
  selected: ReadonlySet<string>
  select: (ids: readonly string[], isSelected: boolean) => void
  clear: () => void
}

/** How many there are; with a selection, what can be done with it. */
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
            Clear
          </Button>
          <Button size="compact-xs" variant="light" color="red" onClick={() => setAsking(true)}>
            Delete
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

function DeleteSessions({ ids: given, select, close }: DeleteProps) {
  const [ids] = useState(given)
  const client = useQueryClient()
  const stopping = useRef(new AbortController())
  const [done, setDone] = useState(0)
  const deleting = useMutation({
    async mutationFn() {
      stopping.current = new AbortController()
      const { failed, error } = await deleteAll(ids, {
        signal: stopping.current.signal,
        onDone(id, count) {
          setDone(count)
          select([id], false)
        },
      })
      if (failed > 0) throw new Error(`${failed} could not be deleted. ${sentenceOf(error)}`)
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['sessions'] }),
    onSuccess: close,
  })
  const words = ids.length === 1 ? 'this session' : `${ids.length.toLocaleString('en')} sessions`
  const stop = () => {
    stopping.current.abort()
    close()
  }
  return (
    <Modal opened onClose={stop} title={`Delete ${words}?`} centered>
      <Text size="sm">
        Their messages, events and files go with them, and turns that run are ended. This cannot be
        undone.
      </Text>
      {deleting.isPending && (
        <Progress
          value={(100 * done) / ids.length}
          mt="md"
          aria-label={`${done} of ${ids.length} deleted`}
        />
      )}
      {deleting.isError && (
        <Alert color="red" mt="md" role="alert">
          {sentenceOf(deleting.error)}
        </Alert>
      )}
      <Group justify="flex-end" mt="lg" gap="xs">
        <Button variant="default" onClick={stop}>
          {deleting.isPending ? 'Stop' : 'Keep'}
        </Button>
        <Button color="red" loading={deleting.isPending} onClick={() => deleting.mutate()}>
          Delete
        </Button>
      </Group>
    </Modal>
  )
}

type Deleting = { signal: AbortSignal; onDone: (id: string, count: number) => void }

/** A few at a time. One that is gone already is as good as deleted. */
async function deleteAll(ids: readonly string[], { signal, onDone }: Deleting) {
  const rest = ids.values()
  let count = 0
  let failed = 0
  let error: unknown
  async function work() {
    for (const id of rest) {
      if (signal.aborted) return
      try {
        await outlast.sessions.delete(id)
        count += 1
        onDone(id, count)
      } catch (caught) {
        if ((caught as { status?: number }).status === 404) onDone(id, ++count)
        else {
          failed += 1
          error = caught
        }
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return { failed, error }
}
