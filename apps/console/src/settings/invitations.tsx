import { Select, TextInput } from '@mantine/core'
import type { CreatedInvitation, Invitation, Role } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { invalidate, outlast } from '../client.ts'
import { FormModal } from '../form/form-modal.tsx'
import { useSaveForm } from '../form/use-save-form.ts'
import { linkOf } from '../login/invitation.ts'
import { invitationKeys } from '../queries/keys.ts'
import { invitationsQuery } from '../queries/organizations.ts'
import { AskButton } from '../shell/controls/act-button.tsx'
import { Once } from '../shell/controls/once.tsx'
import { List, type ListColumn, ListRow } from '../shell/list/list.tsx'
import { Ago } from '../shell/text/ago.tsx'
import { escaped } from '../shell/text/escapes.ts'
import { useRoles } from './roles.ts'

/** Pending invitations. */
export function Invitations({ orgId }: { orgId: string }) {
  const invitations = useQuery(invitationsQuery(orgId))
  if (!invitations.data?.length) return null
  return (
    <List
      label="Invitations"
      columns={columns}
      query={invitations}
      items={invitations.data}
      empty={null}
      row={(one) => <InvitationRow key={one.id} orgId={orgId} invitation={one} />}
    />
  )
}

const columns: ListColumn[] = [
  { id: 'invitation', head: 'Invitation', width: 'minmax(160px, 1fr)' },
  { id: 'role', head: 'Role', width: '96px' },
  { id: 'expires', head: 'Expires', width: '112px', isRight: true, from: 'medium' },
  { id: 'actions', head: '', width: '84px', isRight: true },
]

function InvitationRow({ orgId, invitation }: { orgId: string; invitation: Invitation }) {
  const { id, email, role, expires_at } = invitation
  return (
    <ListRow label={email}>
      <span className="list-name">{escaped(email)}</span>
      <span className="list-dim">{role}</span>
      <span className="list-dim">
        <Ago at={expires_at} />
      </span>
      <div className="list-actions">
        <AskButton
          label="Revoke"
          aria-label={`Revoke the invitation for ${email}`}
          title="Revoke this invitation?"
          verb="Revoke invitation"
          done="Invitation revoked"
          act={async () => {
            await outlast.organizations.deleteInvitation(orgId, id)
            invalidate(invitationKeys.all)
          }}
        >
          The invitation link for {email} stops working.
        </AskButton>
      </div>
    </ListRow>
  )
}

const emptyDraft = { email: '', role: 'member' as Role }

/** Creates an invitation. Its link is shown once and not emailed. */
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
        title={`Invitation for ${form.saved.email}`}
        about="Copy this link and send it to the new member. It is not emailed and not shown again. It works once, for this email address only."
        secret={linkOf(form.saved.token)}
        close={close}
      />
    )
  }
  return (
    <FormModal form={form} title="Invite member" verb="Create invitation" close={close}>
      <TextInput
        label="Email"
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
