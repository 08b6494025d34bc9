import { Button, Group, Select } from '@mantine/core'
import type { Member, Role } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { invalidate, outlast } from '../client.ts'
import { memberKeys } from '../queries/keys.ts'
import { meQuery, useMay } from '../queries/me.ts'
import { membersQuery } from '../queries/organizations.ts'
import { AskButton } from '../shell/act-button.tsx'
import { Ago } from '../shell/ago.tsx'
import { Refusal } from '../shell/confirm.tsx'
import { Entry } from '../shell/entry.tsx'
import { Failure } from '../shell/screen.tsx'
import { Invitations, Invite } from './invitations.tsx'
import { useRoles } from './roles.ts'

/** Members and pending invitations of the organization. */
export function Members() {
  const { data: me } = useQuery(meQuery)
  const [isInviting, setInviting] = useState(false)
  const mayAdminister = useMay('admin')
  const orgId = me?.organization_id
  const members = useQuery({ ...membersQuery(orgId ?? ''), enabled: Boolean(orgId) })
  if (!me || !orgId) return null
  return (
    <>
      <Group className="filter-bar" justify="space-between">
        <span className="entry-about">
          Viewers read. Members also write. Admins also manage settings. Owners also assign owners.
        </span>
        {mayAdminister && (
          <Button size="xs" onClick={() => setInviting(true)}>
            Invite member
          </Button>
        )}
      </Group>
      {isInviting && <Invite orgId={orgId} close={() => setInviting(false)} />}
      {members.isError && <Failure error={members.error} retry={members.refetch} />}
      <ul className="entries" aria-label="Members">
        {members.data?.map((one) => (
          <Row key={one.user_id} orgId={orgId} member={one} isMe={one.user_id === me.id} />
        ))}
      </ul>
      {mayAdminister && <Invitations orgId={orgId} />}
    </>
  )
}

type RowProps = { orgId: string; member: Member; isMe: boolean }

function Row({ orgId, member, isMe }: RowProps) {
  const { user_id, name, email, role, created_at } = member
  const roles = useRoles()
  const mayChange = useMay('admin') && roles.includes(role)
  const refresh = () => invalidate(memberKeys.all)
  const change = useMutation({
    mutationFn: (next: Role) => outlast.organizations.updateMember(orgId, user_id, { role: next }),
    onSuccess: refresh,
  })
  return (
    <Entry
      label={name}
      name={
        <>
          {name}
          {isMe && <span className="entry-about">you</span>}
        </>
      }
      about={
        <>
          {email} · joined <Ago at={created_at} />
        </>
      }
      side={
        mayChange ? (
          <>
            <Select
              size="xs"
              w={110}
              aria-label={`Role of ${name}`}
              allowDeselect={false}
              data={roles}
              value={role}
              onChange={(next) => next && next !== role && change.mutate(next as Role)}
            />
            <AskButton
              label="Remove"
              aria-label={`Remove ${name}`}
              title={`Remove ${name}?`}
              verb="Remove member"
              act={async () => {
                await outlast.organizations.deleteMember(orgId, user_id)
                refresh()
              }}
            >
              {isMe ? 'You lose access immediately. ' : ''}
              API keys of this member in the organization stop working. Agents, sessions and
              schedules of the member stay.
            </AskButton>
          </>
        ) : (
          <span className="entry-about">{role}</span>
        )
      }
      below={change.isError && <Refusal error={change.error} />}
    />
  )
}
