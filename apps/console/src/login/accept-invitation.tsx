import { Button, Group, Modal, Text } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { outlast } from '../client.ts'
import { Refusal } from '../shell/confirm.tsx'
import { findInvitation, forgetInvitation } from './invitation.ts'
import { switchTo } from './login.ts'

/** Asks somebody who is signed in and came by an invitation whether to join. */
export function AcceptInvitation({ email }: { email: string }) {
  const [token, setToken] = useState(findInvitation)
  const close = () => {
    forgetInvitation()
    setToken(null)
  }
  const accept = useMutation({
    async mutationFn() {
      const { id } = await outlast.organizations.acceptInvitation({ token: token! })
      forgetInvitation()
      await switchTo(id)
    },
  })
  if (!token) return null
  return (
    <Modal opened onClose={close} title="You are invited" centered>
      <Text size="sm">
        Join the organization that invited you, as {email}? You switch to it, and can switch back in
        the settings.
      </Text>
      {accept.isError && <Refusal error={accept.error} />}
      <Group justify="flex-end" gap="xs" mt="lg">
        <Button variant="default" onClick={close}>
          Not now
        </Button>
        <Button loading={accept.isPending} onClick={() => accept.mutate()}>
          Join
        </Button>
      </Group>
    </Modal>
  )
}
