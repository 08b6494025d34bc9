import { Alert, Button, Group, Modal, Text } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { summaryOf } from '../form/problems.ts'

/** Asks before an irreversible action. Contract: `close` is also called after success. */
export function Confirm({
  title,
  verb,
  keep = 'Cancel',
  color = 'red',
  act,
  close,
  children,
}: {
  title: string
  verb: string
  /** The label of the button that closes the dialog. */
  keep?: string
  color?: string
  act: () => Promise<unknown>
  close: () => void
  children: ReactNode
}) {
  const done = useMutation({ mutationFn: act, onSuccess: close })
  return (
    <Modal opened onClose={close} title={title} centered>
      <Text size="sm" component="div">
        {children}
      </Text>
      {done.isError && <Refusal error={done.error} />}
      <Group justify="flex-end" gap="xs" mt="lg">
        <Button variant="default" onClick={close} data-autofocus>
          {keep}
        </Button>
        <Button color={color} loading={done.isPending} onClick={() => done.mutate()}>
          {verb}
        </Button>
      </Group>
    </Modal>
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
    <Modal opened onClose={close} title="Action failed" centered>
      <Refusal error={error} />
    </Modal>
  )
}
