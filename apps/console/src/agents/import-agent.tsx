import { Alert, Button, FileButton, Textarea } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type DragEvent, useState } from 'react'
import { invalidate, outlast } from '../client.ts'
import { sentenceOf } from '../errors.ts'
import { agentKeys } from '../queries/keys.ts'
import { Dialog, DialogButtons } from '../shell/controls/dialog.tsx'
import { showToast } from '../shell/toasts/toasts.ts'
import { problemsOf } from './use-agent-form.ts'

/** Imports an agent from a file that is chosen, dropped or pasted. */
export function ImportAgent({ close }: { close: () => void }) {
  const [text, setText] = useState('')
  const navigate = useNavigate()
  const bring = useMutation({
    mutationFn: () => outlast.agents.import(text),
    onSuccess({ id, name }) {
      showToast(`${name} imported`)
      invalidate(agentKeys.lists, agentKeys.one(id))
      navigate({ to: '/agents/$agentId', params: { agentId: id } })
    },
  })
  const take = async (file: File | null | undefined) => {
    if (!file) return
    bring.reset()
    setText(await file.text())
  }
  return (
    <Dialog title="Import agent" close={close} size="lg" isDirty={text !== ''}>
      <Textarea
        label="File"
        description="Markdown with front matter, YAML, JSON or a plain prompt. Drop a file here or paste its text. A file with the ID of an existing agent replaces that agent."
        autosize
        minRows={10}
        maxRows={20}
        spellCheck={false}
        value={text}
        onChange={({ currentTarget }) => {
          bring.reset()
          setText(currentTarget.value)
        }}
        onDragOver={(event: DragEvent) => event.preventDefault()}
        onDrop={(event: DragEvent) => {
          if (event.dataTransfer.files.length === 0) return
          event.preventDefault()
          take(event.dataTransfer.files[0])
        }}
        classNames={{ input: 'code-input' }}
        data-autofocus
      />
      {bring.isError && <ImportProblems error={bring.error} />}
      <DialogButtons
        close={close}
        others={
          <FileButton onChange={take} accept=".md,.markdown,.yaml,.yml,.json,.txt">
            {(props) => (
              <Button variant="default" {...props}>
                Choose file
              </Button>
            )}
          </FileButton>
        }
      >
        <Button
          disabled={text.trim() === ''}
          loading={bring.isPending}
          onClick={() => bring.mutate()}
        >
          Import agent
        </Button>
      </DialogButtons>
    </Dialog>
  )
}

function ImportProblems({ error }: { error: unknown }) {
  const problems = problemsOf(error)
  return (
    <Alert color="red" mt="md" role="alert" title="Agent not imported">
      {problems.length === 0 && sentenceOf(error)}
      {problems.map(({ path, message, line, column }) => (
        <div key={`${path} ${message}`}>
          {line !== undefined && (
            <b>
              Line {line}
              {column !== undefined && `, column ${column}`}:{' '}
            </b>
          )}
          {path === 'body' ? message : `${path} ${message}`}
        </div>
      ))}
    </Alert>
  )
}
