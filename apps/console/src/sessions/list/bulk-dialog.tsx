import { Alert, Button, Progress, Text, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { invalidate } from '../../client.ts'
import { sentenceOf } from '../../errors.ts'
import { sessionKeys } from '../../queries/keys.ts'
import { Dialog, DialogButtons } from '../../shell/controls/dialog.tsx'
import { showToast } from '../../shell/toasts/toasts.ts'
import { actOnAll, type BulkAction, type BulkResult, bulkActions, tagAction } from './bulk.ts'

const errorsShown = 3

type BulkProps = {
  name: keyof typeof bulkActions | 'tag'
  /** The sessions that remain. Those that are done are no longer selected. */
  ids: readonly string[]
  select: (ids: readonly string[], isSelected: boolean) => void
  close: () => void
}

/** Asks, acts on the selected sessions, and shows the progress and all errors until it closes. */
export function BulkDialog({ name, ids: left, select, close }: BulkProps) {
  const [all] = useState(left)
  const [tag, setTag] = useState('')
  const stopping = useRef(new AbortController())
  const [isStopping, setStopping] = useState(false)
  const action: BulkAction = name === 'tag' ? tagAction(tag.trim()) : bulkActions[name]
  const isOne = all.length === 1
  const words = isOne ? 'this session' : `${all.length.toLocaleString('en')} sessions`
  const acting = useMutation({
    mutationFn() {
      stopping.current = new AbortController()
      setStopping(false)
      const { signal } = stopping.current
      const onDone = (id: string) => select([id], false)
      return actOnAll(left, action, { signal, onDone, sentenceOf })
    },
    onSettled: () => invalidate(sessionKeys.lists),
    onSuccess({ isWhole }) {
      if (!isWhole) return
      close()
      showToast(`${isOne ? 'Session' : words} ${action.done}`)
    },
  })
  const isActing = acting.isPending && !isStopping
  const stop = () => {
    stopping.current.abort()
    setStopping(true)
    if (!isActing) close()
  }
  const done = all.length - left.length
  const verb = acting.data ? `${action.verb(isOne).split(' ')[0]} remaining` : action.verb(isOne)
  return (
    <Dialog close={stop} title={action.title(words)}>
      <Text size="sm">{action.about(isOne)}</Text>
      {name === 'tag' && (
        <TextInput
          label="Tag"
          mt="sm"
          maxLength={100}
          value={tag}
          onChange={({ currentTarget }) => setTag(currentTarget.value)}
          disabled={acting.isPending}
          data-autofocus
        />
      )}
      {acting.isPending && (
        <Progress
          value={(100 * done) / all.length}
          mt="md"
          aria-label={`${done} of ${all.length} ${action.done}`}
        />
      )}
      {acting.data && !acting.data.isWhole && (
        <Left did={action.done} done={done} of={all.length} result={acting.data} />
      )}
      <DialogButtons close={stop} keep={isActing ? 'Stop' : acting.isIdle ? 'Cancel' : 'Close'}>
        <Button
          {...(action.color && { color: action.color })}
          loading={acting.isPending}
          disabled={name === 'tag' && tag.trim() === ''}
          onClick={() => acting.mutate()}
        >
          {verb}
        </Button>
      </DialogButtons>
    </Dialog>
  )
}

type LeftProps = { did: string; done: number; of: number; result: BulkResult }

/** Reports what remains, and why. */
function Left({ did, done, of, result: { errors } }: LeftProps) {
  const left = of - done
  const texts = [...errors].slice(0, errorsShown)
  return (
    <Alert color={errors.size === 0 ? 'yellow' : 'red'} mt="md" role="alert">
      {done} of {of} sessions {did}. {left} {left === 1 ? 'remains' : 'remain'} selected.{' '}
      {texts.map(([text, count]) => (count > 1 ? `${text} (${count} times)` : text)).join(' ')}
    </Alert>
  )
}
