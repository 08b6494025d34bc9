import { Button, Group, Select, TextInput } from '@mantine/core'
import type { ApiKey, CreatedApiKey, Scope } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { invalidate, outlast } from '../client.ts'
import { FormModal } from '../form/form-modal.tsx'
import { useSaveForm } from '../form/use-save-form.ts'
import { apiKeysQuery } from '../queries/api-keys.ts'
import { apiKeyKeys } from '../queries/keys.ts'
import { useMay } from '../queries/me.ts'
import { AskButton } from '../shell/controls/act-button.tsx'
import { Once } from '../shell/controls/once.tsx'
import { List, type ListColumn, ListRow } from '../shell/list/list.tsx'
import type { Sortable } from '../shell/list/sort.ts'
import { Empty } from '../shell/screen/screen.tsx'
import { State } from '../shell/screen/state.tsx'
import { Ago } from '../shell/text/ago.tsx'
import { escaped } from '../shell/text/escapes.ts'

/** API keys for programs. */
export function ApiKeys() {
  const [isNew, setNew] = useState(false)
  const mayWrite = useMay('member')
  const keys = useQuery(apiKeysQuery)
  return (
    <>
      <Group className="filter-bar" justify="space-between">
        <span className="list-dim">A key never has more permissions than its creator.</span>
        {mayWrite && (
          <Button size="xs" onClick={() => setNew(true)}>
            New key
          </Button>
        )}
      </Group>
      {isNew && <NewKey close={() => setNew(false)} />}
      <List
        label="API keys"
        columns={columns}
        query={keys}
        items={keys.data ?? []}
        sort={sort}
        empty={
          <Empty title="No API keys yet">
            Programs send a key in the Authorization header.
            {mayWrite && (
              <div>
                <Button size="xs" mt="sm" onClick={() => setNew(true)}>
                  Create an API key
                </Button>
              </div>
            )}
          </Empty>
        }
        row={(one) => <Key key={one.id} apiKey={one} />}
      />
    </>
  )
}

const scopeWords: Record<Scope, string> = {
  read: 'Read',
  write: 'Read and write',
  admin: 'Administer',
  '*': 'All my permissions',
}

const columns: ListColumn[] = [
  { id: 'name', head: 'Name', width: 'minmax(120px, 1fr)', sort: 'asc' },
  { id: 'key', head: 'Key', width: '120px', from: 'medium' },
  { id: 'permissions', head: 'Permissions', width: 'minmax(100px, 0.7fr)' },
  { id: 'created', head: 'Created', width: '104px', sort: 'desc', isRight: true, from: 'wide' },
  { id: 'used', head: 'Last used', width: '104px', sort: 'desc', isRight: true, from: 'wide' },
  { id: 'expires', head: 'Expires', width: '104px', sort: 'asc', isRight: true, from: 'medium' },
  { id: 'actions', head: '', width: '76px', isRight: true },
]

const sort: Sortable<ApiKey> = {
  name: ({ name }) => name,
  created: ({ created_at }) => created_at,
  used: ({ last_used_at }) => last_used_at,
  expires: ({ expires_at }) => expires_at,
}

function Key({ apiKey }: { apiKey: ApiKey }) {
  const { id, name, key_prefix, scopes, expires_at, created_at, last_used_at } = apiKey
  const isOver = expires_at !== null && Date.parse(expires_at) < Date.now()
  return (
    <ListRow label={name} isOff={isOver}>
      <span className="list-name">{escaped(name)}</span>
      <code className="list-dim">{key_prefix}</code>
      <span>{scopes.map((scope) => scopeWords[scope]).join(', ')}</span>
      <span className="list-dim">
        <Ago at={created_at} />
      </span>
      <span className="list-dim">{last_used_at ? <Ago at={last_used_at} /> : 'never'}</span>
      {isOver ? (
        <State kind="bad">expired</State>
      ) : (
        <span className="list-dim">{expires_at ? <Ago at={expires_at} /> : 'never'}</span>
      )}
      <div className="list-actions">
        <AskButton
          label="Delete"
          aria-label={`Delete ${name}`}
          title={`Delete ${name}?`}
          verb="Delete key"
          done="API key deleted"
          act={async () => {
            await outlast.apiKeys.delete(id)
            invalidate(apiKeyKeys.all)
          }}
        >
          Requests with this key are refused immediately.
        </AskButton>
      </div>
    </ListRow>
  )
}

const lives = [
  { value: '', label: 'Never' },
  { value: '7', label: 'In 7 days' },
  { value: '30', label: 'In 30 days' },
  { value: '90', label: 'In 90 days' },
  { value: '365', label: 'In 1 year' },
]

const emptyDraft = { name: '', scope: '*' as Scope, days: '90' }

function NewKey({ close }: { close: () => void }) {
  const mayAdminister = useMay('admin')
  const form = useSaveForm<typeof emptyDraft, CreatedApiKey>({
    draftOf: () => emptyDraft,
    save: ({ name, scope, days }) =>
      outlast.apiKeys.create({
        name: name.trim(),
        scopes: [scope],
        ...(days && { expires_in_days: Number(days) }),
      }),
    onSaved: () => invalidate(apiKeyKeys.all),
  })
  if (form.saved) {
    return (
      <Once
        title={`API key ${form.saved.name}`}
        about="Copy this key now. It is not shown again."
        secret={form.saved.key}
        close={close}
      />
    )
  }
  const scopes = (['read', 'write', 'admin', '*'] as const).filter(
    (one) => one !== 'admin' || mayAdminister,
  )
  return (
    <FormModal form={form} title="New API key" verb="Create key" close={close}>
      <TextInput
        label="Name"
        placeholder="For example, CI pipeline"
        required
        maxLength={255}
        {...form.text('name')}
        data-autofocus
      />
      <Select
        label="Permissions"
        data={scopes.map((value) => ({ value, label: scopeWords[value] }))}
        {...form.choice('scope')}
      />
      <Select label="Expires" data={lives} {...form.choice('days')} />
    </FormModal>
  )
}
