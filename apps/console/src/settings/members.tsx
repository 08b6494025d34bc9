import { Button, Group, Select } from '@mantine/core'
import type { Member, Role } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { invalidate, outlast } from '../client.ts'
import { memberKeys } from '../queries/keys.ts'
import { meQuery, useMay } from '../queries/me.ts'
import { membersQuery } from '../queries/organizations.ts'
import { AskButton } from '../shell/controls/act-button.tsx'
import { Refusal } from '../shell/controls/confirm.tsx'
import { List, type ListColumn, ListRow } from '../shell/list/list.tsx'
import type { Sortable } from '../shell/list/sort.ts'
import { Skeleton } from '../shell/screen/skeleton.tsx'
import { Ago } from '../shell/text/ago.tsx'
import { escaped } from '../shell/text/escapes.ts'
import { Invitations, Invite } from './invitations.tsx'
import { useRoles } from './roles.ts'

/** Members and pending invitations of the organization. */
export function Members() {
  const { data: me } = useQuery(meQuery)
  const [isInviting, setInviting] = useState(false)
  const mayAdminister = useMay('admin')
  const orgId = me?.organization_id
  const members = useQuery({ ...membersQuery(orgId ?? ''), enabled: Boolean(orgId) })
  if (!me || !orgId) return <Skeleton of="text" />
  return (
    <>
      <Group className="filter-bar" justify="space-between">
        <span className="list-dim">
          Viewers read. Members also write. Admins also manage settings. Owners also assign owners.
        </span>
        {mayAdminister && (
          <Button size="xs" onClick={() => setInviting(true)}>
            Invite member
          </Button>
        )}
      </Group>
      {isInviting && <Invite orgId={orgId} close={() => setInviting(false)} />}
      <List
        label="Members"
        columns={columns}
        query={members}
        items={members.data ?? []}
        sort={sort}
        empty={null}
        row={(one) => (
          <MemberRow key={one.user_id} orgId={orgId} member={one} isMe={one.user_id === me.id} />
        )}
      />
      {mayAdminister && <Invitations orgId={orgId} />}
    </>
  )
}

const columns: ListColumn[] = [
  { id: 'name', head: 'Member', width: 'minmax(140px, 1fr)', sort: 'asc' },
  {
    id: 'email',
    head: 'Email',
    width: 'minmax(0, 1.2fr)',
    sort: 'asc',
    from: 'medium',
    isSecond: true,
  },
  { id: 'joined', head: 'Joined', width: '112px', sort: 'desc', isRight: true, from: 'medium' },
  { id: 'role', head: 'Role', width: '204px', sort: 'asc', isRight: true },
]

const sort: Sortable<Member> = {
  name: ({ name }) => name,
  email: ({ email }) => email,
  joined: ({ created_at }) => created_at,
  role: ({ role }) => role,
}

type RowProps = { orgId: string; member: Member; isMe: boolean }

function MemberRow({ orgId, member, isMe }: RowProps) {
  const { user_id, name, email, role, created_at } = member
  const roles = useRoles()
  const mayChange = useMay('admin') && roles.includes(role)
  const refresh = () => invalidate(memberKeys.all)
  const change = useMutation({
    mutationFn: (next: Role) => outlast.organizations.updateMember(orgId, user_id, { role: next }),
    onSuccess: refresh,
  })
  return (
    <ListRow label={name} below={change.isError && <Refusal error={change.error} />}>
      <div className="list-pair">
        <span className="list-name">{escaped(name)}</span>
        {isMe && <span className="list-dim">you</span>}
      </div>
      <span className="list-dim">{escaped(email)}</span>
      <span className="list-dim">
        <Ago at={created_at} />
      </span>
      <div className="list-actions">
        {mayChange ? (
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
              done="Member removed"
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
          <span className="list-dim">{role}</span>
        )}
      </div>
    </ListRow>
  )
}
