import { Alert, Button, Group, Modal, Text } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { summaryOf } from '../form/problems.ts'

/** Asks before something is done that cannot be undone. Contract: `close` is called when it was done, too. */
export function Confirm({
  title,
  verb,
  act,
  close,
  children,
}: {
  title: string
  verb: string
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
          Keep
        </Button>
        <Button color="red" loading={done.isPending} onClick={() => done.mutate()}>
          {verb}
        </Button>
      </Group>
    </Modal>
  )
}

/** What the server did not do, and why: its sentence, and each field that is wrong and says so nowhere else. */
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
