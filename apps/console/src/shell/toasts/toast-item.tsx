import { ActionIcon, Button } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { sentenceOf } from '../../errors.ts'
import { Icon } from '../controls/icon.tsx'
import { escaped } from '../text/escapes.ts'
import { dismissToast, type Toast } from './toasts.ts'

/** Time to read a message, and to decide on undoing an action. */
const shownMs = { message: 5_000, undo: 10_000 }

/** Stays while the pointer or the focus is on it. */
export function ToastItem({ toast: { id, text, undo } }: { toast: Toast }) {
  const [isHeld, setHeld] = useState(false)
  const undoing = useMutation({
    mutationFn: async () => await undo?.(),
    onSuccess: () => dismissToast(id),
  })
  const isOver = !isHeld && !undoing.isPending && !undoing.isError
  useEffect(() => {
    if (!isOver) return
    const timer = setTimeout(() => dismissToast(id), undo ? shownMs.undo : shownMs.message)
    return () => clearTimeout(timer)
  }, [id, undo, isOver])
  const hold = (isOn: boolean) => () => setHeld(isOn)
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: only keeps the message
    <div
      className="toast"
      onPointerEnter={hold(true)}
      onPointerLeave={hold(false)}
      onFocus={hold(true)}
      onBlur={hold(false)}
    >
      <span>{undoing.isError ? sentenceOf(undoing.error) : escaped(text)}</span>
      {undo && (
        <Button
          size="compact-xs"
          variant="subtle"
          loading={undoing.isPending}
          onClick={() => undoing.mutate()}
        >
          Undo
        </Button>
      )}
      <ActionIcon
        size={24}
        variant="subtle"
        color="gray"
        aria-label="Dismiss"
        onClick={() => dismissToast(id)}
      >
        <Icon name="close" size={14} />
      </ActionIcon>
    </div>
  )
}
