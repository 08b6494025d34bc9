import { Button, Group, Modal, Select, Stack, TextInput } from '@mantine/core'
import type { ApiKey, Scope } from '@outlast/sdk'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { outlast } from '../client.ts'
import { useMay } from '../login/me.ts'
import { Ago } from '../shell/ago.tsx'
import { Confirm, problemAt, Refusal } from '../shell/confirm.tsx'
import { Entry, State } from '../shell/entry.tsx'
import { Once } from '../shell/once.tsx'
import { Empty, Failure } from '../shell/screen.tsx'

/** Keys with which programs call. */
export function Keys() {
  const [isNew, setNew] = useState(false)
  const mayWrite = useMay('member')
  const keys = useQuery({
    queryKey: ['keys'],
    queryFn: async ({ signal }) => (await outlast.apiKeys.list({}, { signal })).data,
  })
  return (
    <>
      <Group className="filter-bar" justify="space-between">
        <span className="entry-about">A key never does more than who made it may do.</span>
        {mayWrite && (
          <Button size="xs" onClick={() => setNew(true)}>
            New key
          </Button>
        )}
      </Group>
      {isNew && <NewKey close={() => setNew(false)} />}
      {keys.isError && <Failure error={keys.error} retry={keys.refetch} />}
      {keys.data?.length === 0 && (
        <Empty title="There is no key yet.">
          Programs call with a key, in the header Authorization.
        </Empty>
      )}
      <ul className="entries" aria-label="API keys">
        {keys.data?.map((one) => (
          <Key key={one.id} apiKey={one} />
        ))}
      </ul>
    </>
  )
}

const scopeWords: Record<Scope, string> = {
  read: 'reads',
  write: 'reads and writes',
  admin: 'administers',
  '*': 'all that I may do',
}

function Key({ apiKey }: { apiKey: ApiKey }) {
  const { id, name, key_prefix, scopes, expires_at, created_at, last_used_at } = apiKey
  const [isDeleting, setDeleting] = useState(false)
  const client = useQueryClient()
  const isOver = expires_at !== null && Date.parse(expires_at) < Date.now()
  return (
    <>
      <Entry
        label={name}
        name={
          <>
            {name}
            <code className="entry-about">{key_prefix}</code>
            {isOver && <State kind="bad">expired</State>}
          </>
        }
        about={
          <>
            {scopes.map((scope) => (scope === '*' ? 'all' : scope)).join(', ')} · made{' '}
            <Ago at={created_at} />
            {last_used_at ? (
              <>
                {' · last used '}
                <Ago at={last_used_at} />
              </>
            ) : (
              ' · never used'
            )}
            {expires_at && !isOver && (
              <>
                {' · ends '}
                <Ago at={expires_at} />
              </>
            )}
          </>
        }
        side={
          <Button
            size="xs"
            variant="default"
            aria-label={`Delete ${name}`}
            onClick={() => setDeleting(true)}
          >
            Delete
          </Button>
        }
      />
      {isDeleting && (
        <Confirm
          title={`Delete ${name}?`}
          verb="Delete"
          close={() => setDeleting(false)}
          act={async () => {
            await outlast.apiKeys.delete(id)
            client.invalidateQueries({ queryKey: ['keys'] })
          }}
        >
          Programs that call with it are refused from now on.
        </Confirm>
      )}
    </>
  )
}

const lives = [
  { value: '', label: 'Never' },
  { value: '7', label: 'In a week' },
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In a year' },
]

function NewKey({ close }: { close: () => void }) {
  const [name, setName] = useState('')
  const [scope, setScope] = useState<Scope>('*')
  const [days, setDays] = useState('90')
  const client = useQueryClient()
  const mayAdminister = useMay('admin')
  const make = useMutation({
    mutationFn: () =>
      outlast.apiKeys.create({
        name: name.trim(),
        scopes: [scope],
        ...(days && { expires_in_days: Number(days) }),
      }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['keys'] }),
  })
  if (make.data) {
    return (
      <Once
        title={`The key ${make.data.name}`}
        about="Copy it now: it is not shown again."
        secret={make.data.key}
        close={close}
      />
    )
  }
  const scopes = (['read', 'write', 'admin', '*'] as const).filter(
    (one) => one !== 'admin' || mayAdminister,
  )
  return (
    <Modal opened onClose={close} title="New key" centered>
      <form
        onSubmit={(event: FormEvent) => {
          event.preventDefault()
          make.mutate()
        }}
      >
        <Stack gap="sm">
          <TextInput
            label="Name"
            placeholder="What it is for"
            required
            maxLength={255}
            value={name}
            onChange={({ currentTarget }) => setName(currentTarget.value)}
            error={problemAt(make.error, 'name')}
            data-autofocus
          />
          <Select
            label="What it may do"
            allowDeselect={false}
            data={scopes.map((value) => ({ value, label: scopeWords[value] }))}
            value={scope}
            onChange={(value) => value && setScope(value as Scope)}
          />
          <Select
            label="Ends"
            allowDeselect={false}
            data={lives}
            value={days}
            onChange={(value) => setDays(value ?? '')}
          />
          {make.isError && <Refusal error={make.error} shown={['name']} />}
          <Group justify="flex-end">
            <Button type="submit" loading={make.isPending}>
              Make the key
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
