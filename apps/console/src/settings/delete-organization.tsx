import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import type { Organization } from '@outlast/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { outlast } from '../client.ts'
import { leaveOrganization } from '../login/login.ts'
import { Refusal } from '../shell/confirm.tsx'

type Props = { organization: Organization; isHere: boolean; close: () => void }

/** Asks for the name of an organization before it is deleted for good. */
export function DeleteOrganization({ organization: { id, name }, isHere, close }: Props) {
  const [typed, setTyped] = useState('')
  const client = useQueryClient()
  const deleting = useMutation({
    mutationFn: () => outlast.organizations.delete(id),
    onSuccess() {
      if (isHere) return leaveOrganization()
      client.invalidateQueries({ queryKey: ['organizations'] })
      close()
    },
  })
  const isNamed = typed.trim() === name.trim()
  return (
    <Modal opened onClose={close} title={`Delete ${name}?`} centered>
      <form
        onSubmit={(event: FormEvent) => {
          event.preventDefault()
          if (isNamed) deleting.mutate()
        }}
      >
        <Stack gap="sm">
          <Text size="sm">
            All its sessions, files, agents, schedules, keys and members are deleted, with its audit
            log. This cannot be undone.
          </Text>
          <TextInput
            label="Type the name of the organization"
            autoComplete="off"
            value={typed}
            onChange={({ currentTarget }) => setTyped(currentTarget.value)}
            data-autofocus
          />
          {deleting.isError && <Refusal error={deleting.error} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close}>
              Keep
            </Button>
            <Button type="submit" color="red" disabled={!isNamed} loading={deleting.isPending}>
              Delete
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
