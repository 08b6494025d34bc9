import { Select, TextInput } from '@mantine/core'
import type { CreatedInvitation, Invitation, Role } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { invalidate, outlast } from '../client.ts'
import { FormModal } from '../form/form-modal.tsx'
import { useSaveForm } from '../form/use-save-form.ts'
import { linkOf } from '../login/invitation.ts'
import { invitationKeys } from '../queries/keys.ts'
import { invitationsQuery } from '../queries/organizations.ts'
import { AskButton } from '../shell/act-button.tsx'
import { Ago } from '../shell/ago.tsx'
import { Entry } from '../shell/entry.tsx'
import { Once } from '../shell/once.tsx'
import { useRoles } from './roles.ts'

/** Who is invited and has not come yet. */
export function Invitations({ orgId }: { orgId: string }) {
  const invitations = useQuery(invitationsQuery(orgId))
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
  return (
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
        <AskButton
          say="Withdraw"
          aria-label={`Withdraw the invitation of ${email}`}
          title="Withdraw the invitation?"
          act={async () => {
            await outlast.organizations.deleteInvitation(orgId, id)
            invalidate(invitationKeys.all)
          }}
        >
          The link that {email} was given works no longer.
        </AskButton>
      }
    />
  )
}

const emptyDraft = { email: '', role: 'member' as Role }

/** Invites an address. The link is shown once, and nobody else mails it. */
export function Invite({ orgId, close }: { orgId: string; close: () => void }) {
  const roles = useRoles()
  const form = useSaveForm<typeof emptyDraft, CreatedInvitation>({
    draftOf: () => emptyDraft,
    save: ({ email, role }) =>
      outlast.organizations.createInvitation(orgId, { email: email.trim(), role }),
    onSaved: () => invalidate(invitationKeys.all),
  })
  if (form.saved) {
    return (
      <Once
        title={`The invitation of ${form.saved.email}`}
        about="Pass this link on: it is not mailed, not shown again, and good once, for this address only."
        secret={linkOf(form.saved.token)}
        close={close}
      />
    )
  }
  return (
    <FormModal form={form} title="Invite somebody" verb="Make the invitation" close={close}>
      <TextInput
        label="E-mail"
        type="email"
        required
        maxLength={254}
        {...form.text('email')}
        data-autofocus
      />
      <Select label="Role" data={roles} {...form.choice('role')} />
    </FormModal>
  )
}
