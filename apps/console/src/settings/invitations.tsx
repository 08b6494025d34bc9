import { Button, Group, Modal, Select, Stack, TextInput } from '@mantine/core'
import type { Invitation, Role } from '@outlast/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { outlast } from '../client.ts'
import { linkOf } from '../login/invitation.ts'
import { Ago } from '../shell/ago.tsx'
import { Confirm, problemAt, Refusal } from '../shell/confirm.tsx'
import { Entry } from '../shell/entry.tsx'
import { Once } from '../shell/once.tsx'
import { useRoles } from './roles.ts'

/** Who is invited and has not come yet. */
export function Invitations({ orgId }: { orgId: string }) {
  const invitations = useQuery({
    queryKey: ['invitations', orgId],
    queryFn: async ({ signal }) =>
      (await outlast.organizations.listInvitations(orgId, {}, { signal })).data,
  })
  if (!invitations.data?.length) return null
  return (
    <ul className="entries" aria-label="Invitations">
      {invitations.data.map((one) => (
        <Row key={one.id} orgId={orgId} invitation={one} />
      ))}
    </ul>
  )
}

function Row({ orgId, invitation }: { orgId: string; invitation: Invitation }) {
  const { id, email, role, expires_at } = invitation
  const [isTaking, setTaking] = useState(false)
  const client = useQueryClient()
  return (
    <>
      <Entry
        label={email}
        name={
          <>
            {email}
            <span className="entry-about">invited as {role}</span>
          </>
        }
        about={
          <>
            ends <Ago at={expires_at} />
          </>
        }
        side={
          <Button
            size="xs"
            variant="default"
            aria-label={`Withdraw the invitation of ${email}`}
            onClick={() => setTaking(true)}
          >
            Withdraw
          </Button>
        }
      />
      {isTaking && (
        <Confirm
          title="Withdraw the invitation?"
          verb="Withdraw"
          close={() => setTaking(false)}
          act={async () => {
            await outlast.organizations.deleteInvitation(orgId, id)
            client.invalidateQueries({ queryKey: ['invitations'] })
          }}
        >
          The link that {email} was given works no longer.
        </Confirm>
      )}
    </>
  )
}

/** Invites an address. The link is shown once, and nobody else mails it. */
export function Invite({ orgId, close }: { orgId: string; close: () => void }) {
  const [email, setEmail] = useState('')
  const [role, setRole] = useState<Role>('member')
  const roles = useRoles()
  const client = useQueryClient()
  const invite = useMutation({
    mutationFn: () => outlast.organizations.createInvitation(orgId, { email: email.trim(), role }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['invitations'] }),
  })
  if (invite.data) {
    return (
      <Once
        title={`The invitation of ${invite.data.email}`}
        about="Pass this link on: it is not mailed, not shown again, and good once, for this address only."
        secret={linkOf(invite.data.token)}
        close={close}
      />
    )
  }
  return (
    <Modal opened onClose={close} title="Invite somebody" centered>
      <form
        onSubmit={(event: FormEvent) => {
          event.preventDefault()
          invite.mutate()
        }}
      >
        <Stack gap="sm">
          <TextInput
            label="E-mail"
            type="email"
            required
            maxLength={254}
            value={email}
            onChange={({ currentTarget }) => setEmail(currentTarget.value)}
            error={problemAt(invite.error, 'email')}
            data-autofocus
          />
          <Select
            label="Role"
            allowDeselect={false}
            data={roles}
            value={role}
            onChange={(next) => next && setRole(next as Role)}
          />
          {invite.isError && <Refusal error={invite.error} shown={['email']} />}
          <Group justify="flex-end">
            <Button type="submit" loading={invite.isPending}>
              Make the invitation
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
