import { Button, Group, TextInput } from '@mantine/core'
import type { Organization } from '@outlast/sdk'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { invalidate, outlast } from '../client.ts'
import { FormModal } from '../form/form-modal.tsx'
import { useSaveForm } from '../form/use-save-form.ts'
import { switchTo } from '../login/login.ts'
import { organizationKeys } from '../queries/keys.ts'
import { meQuery } from '../queries/me.ts'
import { organizationsQuery } from '../queries/organizations.ts'
import { Refusal } from '../shell/controls/confirm.tsx'
import { List, type ListColumn, ListRow } from '../shell/list/list.tsx'
import type { Sortable } from '../shell/list/sort.ts'
import { State } from '../shell/screen/state.tsx'
import { Ago } from '../shell/text/ago.tsx'
import { escaped } from '../shell/text/escapes.ts'
import { DeleteOrganization } from './delete-organization.tsx'

/** Organizations of the user. */
export function Organizations() {
  const [isNew, setNew] = useState(false)
  const organizations = useQuery(organizationsQuery)
  return (
    <>
      <Group className="filter-bar" justify="space-between">
        <span className="list-dim">Organizations share no data.</span>
        <Button size="xs" onClick={() => setNew(true)}>
          New organization
        </Button>
      </Group>
      {isNew && (
        <Naming
          title="New organization"
          verb="Create organization"
          save={(name) => outlast.organizations.create({ name })}
          close={() => setNew(false)}
        />
      )}
      <List
        label="Organizations"
        columns={columns}
        query={organizations}
        items={organizations.data ?? []}
        sort={sort}
        empty={null}
        row={(one) => <OrganizationRow key={one.id} organization={one} />}
      />
    </>
  )
}

const columns: ListColumn[] = [
  { id: 'name', head: 'Organization', width: 'minmax(140px, 1fr)', sort: 'asc' },
  { id: 'status', head: 'Status', width: '96px' },
  { id: 'role', head: 'Role', width: '80px', from: 'medium' },
  { id: 'created', head: 'Created', width: '112px', sort: 'desc', isRight: true, from: 'wide' },
  { id: 'actions', head: '', width: '156px', isRight: true },
]

const sort: Sortable<Organization> = {
  name: ({ name }) => name,
  created: ({ created_at }) => created_at,
}

function OrganizationRow({ organization }: { organization: Organization }) {
  const { id, name, role, created_at } = organization
  const { data: me } = useQuery(meQuery)
  const [isNaming, setNaming] = useState(false)
  const [isDeleting, setDeleting] = useState(false)
  const go = useMutation({ mutationFn: () => switchTo(id) })
  const isHere = me?.organization_id === id
  return (
    <>
      <ListRow label={name} below={go.isError && <Refusal error={go.error} />}>
        <span className="list-name">{escaped(name)}</span>
        {isHere && <State kind="good">current</State>}
        <span className="list-dim">{role}</span>
        <span className="list-dim">
          <Ago at={created_at} />
        </span>
        <div className="list-actions">
          {isHere && (role === 'admin' || role === 'owner') && (
            <Button size="xs" variant="default" onClick={() => setNaming(true)}>
              Rename
            </Button>
          )}
          {role === 'owner' && (
            <Button
              size="xs"
              variant="default"
              aria-label={`Delete ${name}`}
              onClick={() => setDeleting(true)}
            >
              Delete
            </Button>
          )}
          {!isHere && (
            <Button
              size="xs"
              variant="default"
              aria-label={`Switch to ${name}`}
              loading={go.isPending}
              onClick={() => go.mutate()}
            >
              Switch
            </Button>
          )}
        </div>
      </ListRow>
      {isDeleting && (
        <DeleteOrganization
          organization={organization}
          isHere={isHere}
          close={() => setDeleting(false)}
        />
      )}
      {isNaming && (
        <Naming
          title={`Rename ${name}`}
          verb="Rename organization"
          before={name}
          save={(next) => outlast.organizations.update(id, { name: next })}
          close={() => setNaming(false)}
        />
      )}
    </>
  )
}

type NamingProps = {
  title: string
  verb: string
  before?: string
  save: (name: string) => Promise<unknown>
  close: () => void
}

function Naming({ title, verb, before = '', save, close }: NamingProps) {
  const form = useSaveForm({
    draftOf: () => ({ name: before }),
    save: ({ name }) => save(name.trim()),
    done: 'Organization saved',
    onSaved() {
      invalidate(organizationKeys.all)
      close()
    },
  })
  return (
    <FormModal form={form} title={title} verb={verb} close={close}>
      <TextInput label="Name" required maxLength={255} {...form.text('name')} data-autofocus />
    </FormModal>
  )
}
