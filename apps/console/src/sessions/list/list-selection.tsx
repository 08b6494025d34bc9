import { Button, type ButtonProps, Group, Text } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type ComponentProps, Suspense, useEffect, useState } from 'react'
import { outlast } from '../../client.ts'
import { sentenceOf } from '../../errors.ts'
import type { SessionFilter } from '../../queries/sessions.ts'
import { Icon, type IconName } from '../../shell/controls/icon.tsx'
import { lazyPart } from '../../shell/screen/lazy-part.ts'

const BulkDialog = lazyPart(() =>
  import('./bulk-dialog.tsx').then((all) => ({ default: all.BulkDialog })),
)

/** Maximum number of selected sessions. */
const selectedMax = 10_000

type SelectionProps = {
  filter: SessionFilter
  total: { count: number; isMore: boolean }
  selected: ReadonlySet<string>
  select: (ids: readonly string[], isSelected: boolean) => void
  clear: () => void
}

const actions = [
  { name: 'cancel', label: 'Cancel turns', icon: 'stop' },
  { name: 'retry', label: 'Retry failed turns', icon: 'again' },
  { name: 'tag', label: 'Add tag', icon: 'tag' },
  { name: 'delete', label: 'Delete sessions', icon: 'trash', color: 'red', variant: 'light' },
] as const

/** Shows the number of sessions, or the actions for the selection. */
export function SelectionBar(props: SelectionProps) {
  const { filter, total, selected, select, clear } = props
  const [asking, setAsking] = useState<ComponentProps<typeof BulkDialog>['name']>()
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
  const hasMore = selected.size < Math.min(selectedMax, total.isMore ? selectedMax : total.count)
  const isTooMany = total.count > selectedMax || total.isMore
  const most = isTooMany ? `Select the first ${selectedMax.toLocaleString('en')}` : undefined
  return (
    <Group className="selection" role="status">
      {selected.size === 0 ? (
        <Text size="xs" c="dimmed">
          {words} {total.count === 1 && !total.isMore ? 'session' : 'sessions'}
        </Text>
      ) : (
        <>
          <Text size="xs" fw={600}>
            {selected.size.toLocaleString('en')} selected
          </Text>
          {hasMore && (
            <BarButton
              label={most ?? `Select all ${words}`}
              icon="check"
              variant="subtle"
              onClick={() => all.mutate()}
              loading={all.isPending}
            />
          )}
          <BarButton
            label="Clear selection"
            icon="close"
            variant="subtle"
            color="gray"
            onClick={clear}
          />
          {actions.map(({ name, ...button }) => (
            <BarButton key={name} {...button} onClick={() => setAsking(name)} />
          ))}
        </>
      )}
      {all.isError && (
        <Text size="xs" c="var(--outlast-fail-text)">
          {sentenceOf(all.error)}
        </Text>
      )}
      {asking && (
        <Suspense>
          <BulkDialog
            name={asking}
            ids={[...selected]}
            select={select}
            close={() => setAsking(undefined)}
          />
        </Suspense>
      )}
    </Group>
  )
}

type BarButtonProps = ButtonProps & { label: string; icon: IconName; onClick: () => void }

/** A button of the bar. A phone shows its icon only. */
const BarButton = ({ label, icon, ...props }: BarButtonProps) => (
  <Button size="compact-xs" variant="default" {...props}>
    <Icon name={icon} size={14} />
    <span>{label}</span>
  </Button>
)

async function idsOf(filter: SessionFilter): Promise<string[]> {
  const ids: string[] = []
  for await (const { id } of outlast.sessions.list({ ...filter, limit: 100 })) {
    if (ids.push(id) >= selectedMax) break
  }
  return ids
}
