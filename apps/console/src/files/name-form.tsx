import { Button, Group, Modal, TextInput } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { sentenceOf } from '../client.ts'

type Naming = {
  title: string
  action: string
  initial: string
  close: () => void
  submit: (path: string) => Promise<unknown>
}

/** Asks for the path of a file. It stays open with what is wrong until it is right, or left. */
export function NameForm({ title, action, initial, close, submit }: Naming) {
  const [path, setPath] = useState(initial)
  const send = useMutation({ mutationFn: () => submit(path.trim()), onSuccess: close })
  return (
    <Modal opened onClose={close} title={title}>
      <form
        onSubmit={(event: FormEvent) => {
          event.preventDefault()
          send.mutate()
        }}
      >
        <TextInput
          label="Path"
          description="Folders on the way are made."
          value={path}
          onChange={({ currentTarget }) => setPath(currentTarget.value)}
          error={send.isError && sentenceOf(send.error)}
          data-autofocus
        />
        <Group justify="flex-end" mt="md">
          <Button type="submit" loading={send.isPending} disabled={path.trim().length < 2}>
            {action}
          </Button>
        </Group>
      </form>
    </Modal>
  )
}
