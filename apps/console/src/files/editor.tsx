import { Alert, Button, Group, Text, Textarea } from '@mantine/core'
import { isOutlastError, type SessionFile } from '@outlast/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type KeyboardEvent, useState } from 'react'
import { outlast, sentenceOf } from '../client.ts'

type About = { sessionId: string; file: SessionFile }

/** What was changed meanwhile is neither lost nor hidden: it is told before anything is written over. */
export function Editor({ sessionId, file }: About) {
  const { text, setText, isDirty, isOther, take, save } = useEditing({ sessionId, file })
  const isSaveable = isDirty && !isOther && !file.is_readonly

  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== 's' || !(event.ctrlKey || event.metaKey)) return
    event.preventDefault()
    if (isSaveable) save.mutate({ anyway: false })
  }

  return (
    <>
      {isOther && <Changed take={take} write={() => save.mutate({ anyway: true })} />}
      <Textarea
        className="editor"
        aria-label="Content"
        value={text}
        readOnly={file.is_readonly}
        onChange={({ currentTarget }) => setText(currentTarget.value)}
        onKeyDown={onKeyDown}
        spellCheck={false}
      />
      <Group className="panel-line" justify="space-between">
        <span role="status">
          {file.is_readonly ? 'Read-only' : isDirty ? 'Not saved yet' : 'As it is stored'}
        </span>
        {save.isError && (
          <Text size="sm" c="red" role="alert">
            {sentenceOf(save.error)}
          </Text>
        )}
        <Button
          size="xs"
          disabled={!isSaveable}
          loading={save.isPending}
          onClick={() => save.mutate({ anyway: false })}
        >
          Save
        </Button>
      </Group>
    </>
  )
}

/** `base` is what the text was made from; `file` what is stored, as of what is known here. */
function useEditing({ sessionId, file }: About) {
  const client = useQueryClient()
  const [base, setBase] = useState(file)
  const [text, setText] = useState(file.content ?? '')
  const take = () => {
    setBase(file)
    setText(file.content ?? '')
  }
  const isDirty = text !== base.content
  const isTaken = !isDirty || text === file.content
  if (isTaken && file.updated_at !== base.updated_at) take()
  const isOther = file.updated_at !== base.updated_at && file.content !== base.content
  const save = useMutation({
    async mutationFn({ anyway }: { anyway: boolean }) {
      const key = ['files', sessionId, 'content', file.path]
      const read = async () => {
        const now = await outlast.files.read(sessionId, file.path)
        client.setQueryData(key, now)
        return now
      }
      const now = await read()
      if (!anyway && now.content !== base.content) return
      const options = { ifMatch: now.updated_at }
      try {
        const saved = await outlast.files.update(sessionId, file.path, { content: text }, options)
        const whole = { ...saved, content: text, encoding: 'text' as const }
        setBase(whole)
        client.setQueryData(key, whole)
      } catch (error) {
        if (!isOutlastError(error, 'changed_meanwhile')) throw error
        await read()
      }
    },
  })
  return { text, setText, isDirty, isOther, take, save }
}

function Changed({ take, write }: { take: () => void; write: () => void }) {
  return (
    <Alert color="yellow" m="xs" role="alert" title="The file was changed meanwhile.">
      <Group gap="xs">
        <Button size="compact-xs" variant="default" onClick={take}>
          Take what is there
        </Button>
        <Button size="compact-xs" color="red" onClick={write}>
          Write mine over it
        </Button>
      </Group>
    </Alert>
  )
}
