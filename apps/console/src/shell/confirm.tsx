import { Alert, Button, Group, Modal, Text } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { sentenceOf } from '../client.ts'

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

type Said = { code?: string; details?: readonly { path: string; message: string }[] } | null

/**
 * What the server says is wrong with a field, for the place where that is. A code that always means one field stands for
 * its path.
 */
export function problemAt(error: unknown, ...paths: readonly string[]): string | undefined {
  const { code = '', details = [] } = (error as Said) ?? {}
  if (paths.includes(code)) return sentenceOf(error)
  return details.find(({ path }) => paths.includes(path))?.message
}

/** What the server did not do, and why: its sentence, and each field that is wrong and says so nowhere else. */
export function Refusal({ error, shown = [] }: { error: unknown; shown?: readonly string[] }) {
  const { code = '', details = [] } = (error as Said) ?? {}
  const others = details.filter(({ path }) => !shown.includes(path))
  const isShown = shown.includes(code) || (details.length > 0 && others.length === 0)
  return (
    <Alert
      color="red"
      role="alert"
      mt="xs"
      title={isShown ? 'Nothing was saved: see what is marked above.' : sentenceOf(error)}
    >
      {others.map(({ path, message }) => (
        <div key={`${path} ${message}`}>
          {path} {message}
        </div>
      ))}
    </Alert>
  )
}
