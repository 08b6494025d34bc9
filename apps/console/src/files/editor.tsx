import { Alert, Button, Group, Textarea } from '@mantine/core'
import type { SessionFile } from '@outlast/sdk'
import { type KeyboardEvent, useEffect } from 'react'
import { outlast, queryClient } from '../client.ts'
import { Leaving } from '../form/leaving.tsx'
import { useSaveForm } from '../form/use-save-form.ts'
import { fileQuery } from '../queries/files.ts'
import { Problem } from '../shell/screen/problem.tsx'

type EditorProps = {
  sessionId: string
  file: SessionFile
  /** Called with whether the text has unsaved changes, and with false in the end. */
  onDirty: (isDirty: boolean) => void
}

const draftOf = (file: SessionFile | undefined) => ({ content: file?.content ?? '' })

/** A text editor for a file. Concurrent changes are shown before they are overwritten. */
export function Editor({ sessionId, file, onDirty }: EditorProps) {
  const { path, is_readonly } = file
  const { queryKey, ...query } = fileQuery(sessionId, path)
  const form = useSaveForm({
    stored: file,
    draftOf,
    async save(draft, base) {
      const saved = await outlast.files.update(sessionId, path, draft, {
        ifMatch: base!.updated_at,
      })
      return { ...saved, ...draft, encoding: 'text' as const }
    },
    read: () => queryClient.fetchQuery({ ...query, queryKey, staleTime: 0 }),
    onSaved: (saved) => queryClient.setQueryData(queryKey, saved),
  })
  const { isDirty } = form
  useEffect(() => {
    onDirty(isDirty)
    return () => onDirty(false)
  }, [isDirty, onDirty])
  const isSaveable = isDirty && !form.theirs && !is_readonly

  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== 's' || !(event.ctrlKey || event.metaKey)) return
    event.preventDefault()
    if (isSaveable) form.submit()
  }

  function write() {
    form.choose(form.draft)
    form.submit()
  }

  return (
    <>
      <Leaving isDirty={isDirty} parameters={['file', 'panel']} />
      {form.theirs && <Changed take={() => form.choose(draftOf(form.theirs))} write={write} />}
      <Textarea
        className="editor"
        aria-label="Content"
        readOnly={is_readonly}
        {...form.text('content')}
        error={undefined}
        onKeyDown={onKeyDown}
        spellCheck={false}
      />
      <Group className="panel-line" justify="space-between">
        <span role="status">
          {is_readonly ? 'Read-only' : isDirty ? 'Unsaved changes' : 'Saved'}
        </span>
        <Problem error={!form.theirs && form.error} />
        <Button size="xs" disabled={!isSaveable} loading={form.isSaving} onClick={form.submit}>
          Save file
        </Button>
      </Group>
    </>
  )
}

function Changed({ take, write }: { take: () => void; write: () => void }) {
  return (
    <Alert color="yellow" m="xs" role="alert" title="This file was changed in the meantime">
      <Group gap="xs">
        <Button size="compact-xs" variant="default" onClick={take}>
          Load new version
        </Button>
        <Button size="compact-xs" color="red" onClick={write}>
          Overwrite with mine
        </Button>
      </Group>
    </Alert>
  )
}
