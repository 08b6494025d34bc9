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
import { AskButton } from '../shell/act-button.tsx'
import { Ago } from '../shell/ago.tsx'
import { Entry, State } from '../shell/entry.tsx'
import { Once } from '../shell/once.tsx'
import { Empty, Failure } from '../shell/screen.tsx'

/** API keys for programs. */
export function ApiKeys() {
  const [isNew, setNew] = useState(false)
  const mayWrite = useMay('member')
  const keys = useQuery(apiKeysQuery)
  return (
    <>
      <Group className="filter-bar" justify="space-between">
        <span className="entry-about">A key never has more permissions than its creator.</span>
        {mayWrite && (
          <Button size="xs" onClick={() => setNew(true)}>
            New key
          </Button>
        )}
      </Group>
      {isNew && <NewKey close={() => setNew(false)} />}
      {keys.isError && <Failure error={keys.error} retry={keys.refetch} />}
      {keys.data?.length === 0 && (
        <Empty title="No API keys yet">
          Programs send a key in the Authorization header. Create one with New key.
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
  read: 'Read',
  write: 'Read and write',
  admin: 'Administer',
  '*': 'All my permissions',
}

function Key({ apiKey }: { apiKey: ApiKey }) {
  const { id, name, key_prefix, scopes, expires_at, created_at, last_used_at } = apiKey
  const isOver = expires_at !== null && Date.parse(expires_at) < Date.now()
  return (
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
          {scopes.map((scope) => (scope === '*' ? 'all permissions' : scope)).join(', ')} · created{' '}
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
              {' · expires '}
              <Ago at={expires_at} />
            </>
          )}
        </>
      }
      side={
        <AskButton
          label="Delete"
          aria-label={`Delete ${name}`}
          title={`Delete ${name}?`}
          verb="Delete key"
          act={async () => {
            await outlast.apiKeys.delete(id)
            invalidate(apiKeyKeys.all)
          }}
        >
          Requests with this key are refused immediately.
        </AskButton>
      }
    />
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
