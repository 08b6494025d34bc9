import { Alert, Button, Text } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { summaryOf } from '../../form/problems.ts'
import { showToast } from '../toasts/toasts.ts'
import { Dialog, DialogButtons } from './dialog.tsx'

/** Asks before an irreversible action. Contract: `close` is also called after success. */
export function Confirm({
  title,
  verb,
  keep = 'Cancel',
  color = 'red',
  done,
  act,
  close,
  children,
}: {
  title: string
  verb: string
  /** The label of the button that closes the dialog. */
  keep?: string
  color?: string
  /** The message after success. */
  done?: string | undefined
  act: () => Promise<unknown>
  close: () => void
  children: ReactNode
}) {
  const running = useMutation({
    mutationFn: act,
    onSuccess() {
      close()
      if (done) showToast(done)
    },
  })
  return (
    <Dialog title={title} close={close}>
      <Text size="sm" component="div">
        {children}
      </Text>
      {running.isError && <Refusal error={running.error} />}
      <DialogButtons close={close} keep={keep} isKeepFirst>
        <Button color={color} loading={running.isPending} onClick={() => running.mutate()}>
          {verb}
        </Button>
      </DialogButtons>
    </Dialog>
  )
}

/** A server error: its message, and each invalid field that no other element shows. */
export function Refusal({ error, shown = [] }: { error: unknown; shown?: readonly string[] }) {
  const { title, others } = summaryOf(error, shown)
  return (
    <Alert color="red" role="alert" mt="xs" title={title}>
      {others.map(({ path, message }) => (
        <div key={`${path} ${message}`}>
          {path} {message}
        </div>
      ))}
    </Alert>
  )
}

type Done = { error: unknown; reset: () => void }

/** Shows the error of failed mutations in a dialog. */
export function Failed({ of }: { of: readonly Done[] }) {
  const error = of.find((one) => one.error)?.error
  if (!error) return null
  const close = () => {
    for (const { reset } of of) reset()
  }
  return (
    <Dialog title="Action failed" close={close}>
      <Refusal error={error} />
    </Dialog>
  )
}
