import { Button, Checkbox, Group, Select, Stack, Text, TextInput } from '@mantine/core'
import type { Share, ShareInfo } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { invalidate, outlast } from '../client.ts'
import { Refused } from '../form/form-modal.tsx'
import { useSaveForm } from '../form/use-save-form.ts'
import { shareKeys } from '../queries/keys.ts'
import { sharesQuery } from '../queries/shares.ts'
import { AskButton } from '../shell/controls/act-button.tsx'
import { useCopy } from '../shell/controls/copy.ts'
import { Dialog } from '../shell/controls/dialog.tsx'
import { List, type ListColumn, ListRow } from '../shell/list/list.tsx'
import { Ago } from '../shell/text/ago.tsx'
import { escaped } from '../shell/text/escapes.ts'

const day = 86_400
const lives = [
  { value: String(day), label: 'In 1 day' },
  { value: String(7 * day), label: 'In 7 days' },
  { value: String(30 * day), label: 'In 30 days' },
  { value: String(90 * day), label: 'In 90 days' },
]

const emptyDraft = { name: '', seconds: String(7 * day), hasDetails: false }

/** Makes, copies and revokes links to a session. */
export function ShareDialog({ sessionId, close }: { sessionId: string; close: () => void }) {
  return (
    <Dialog title="Share this session" size="xl" close={close}>
      <Stack gap="md">
        <NewLink sessionId={sessionId} />
        <Links sessionId={sessionId} />
      </Stack>
    </Dialog>
  )
}

function NewLink({ sessionId }: { sessionId: string }) {
  const form = useSaveForm<typeof emptyDraft, Share>({
    draftOf: () => emptyDraft,
    save: ({ name, seconds, hasDetails }) =>
      outlast.sessions.createShare(sessionId, {
        ...(name.trim() && { name: name.trim() }),
        expires_in: Number(seconds),
        ...(hasDetails && { include: ['details'] }),
      }),
    onSaved: () => invalidate(shareKeys.one(sessionId)),
  })
  return (
    <form onSubmit={form.onSubmit}>
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          Anyone with the link reads the conversation live. It never shows system prompts, stored
          files, secrets, costs or other sessions.
        </Text>
        <Group gap="sm" grow align="flex-start">
          <TextInput
            label="Name"
            placeholder="For example, Design review"
            maxLength={255}
            {...form.text('name')}
            data-autofocus
          />
          <Select label="Expires" data={lives} {...form.choice('seconds')} />
        </Group>
        <Checkbox
          label="Show arguments and results of tools, and thinking"
          checked={form.draft.hasDetails}
          onChange={({ currentTarget }) => form.change({ hasDetails: currentTarget.checked })}
        />
        <Refused form={form} />
        <Group justify="flex-end">
          <Button type="submit" loading={form.isSaving}>
            Create link
          </Button>
        </Group>
        {form.saved && <Made share={form.saved} />}
      </Stack>
    </form>
  )
}

/** The new link. Only now can it be copied. */
function Made({ share }: { share: Share }) {
  const link = location.origin + share.path
  const field = useRef<HTMLInputElement>(null)
  const { copy, error, words } = useCopy('Copy')
  useEffect(() => {
    if (!error) return
    field.current!.focus()
    field.current!.select()
  }, [error])
  return (
    <div role="status">
      <Text size="sm" mb={4}>
        Copy this link now. It is not shown again.
      </Text>
      <Group gap="xs" wrap="nowrap">
        <TextInput ref={field} aria-label="Link" value={link} readOnly flex={1} />
        <Button variant="default" onClick={() => copy(link)}>
          {words}
        </Button>
      </Group>
    </div>
  )
}

function Links({ sessionId }: { sessionId: string }) {
  const links = useQuery(sharesQuery(sessionId))
  return (
    <List
      label="Links"
      columns={columns}
      query={links}
      items={links.data ?? []}
      empty={null}
      row={(one) => <ShareRow key={one.id} share={one} />}
    />
  )
}

const columns: ListColumn[] = [
  { id: 'link', head: 'Link', width: 'minmax(120px, 1fr)' },
  { id: 'expires', head: 'Expires', width: '240px', isSecond: true },
  { id: 'actions', head: '', width: '84px', isRight: true },
]

function ShareRow({ share: { id, session_id, name, include, expires_at } }: { share: ShareInfo }) {
  return (
    <ListRow label={name}>
      <span className="list-name">{escaped(name)}</span>
      <span className="list-dim">
        Expires <Ago at={expires_at} />
        {include.includes('details') && ', shows details of tools'}
      </span>
      <div className="list-actions">
        <AskButton
          label="Revoke"
          aria-label={`Revoke ${name}`}
          title="Revoke this link?"
          verb="Revoke link"
          done="Link revoked"
          act={async () => {
            await outlast.sessions.revokeShare(session_id, id)
            invalidate(shareKeys.one(session_id))
          }}
        >
          The link {name} stops working at once, also for its current readers.
        </AskButton>
      </div>
    </ListRow>
  )
}
