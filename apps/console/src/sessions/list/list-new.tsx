import { Alert, Button, Select, Stack, Textarea } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useState } from 'react'
import { sentenceOf } from '../../errors.ts'
import { agentsQuery } from '../../queries/agents.ts'
import { Dialog, DialogButtons } from '../../shell/controls/dialog.tsx'
import { useBegin } from '../composer/begin.ts'
import { StalledNote } from '../conversation/outgoing.tsx'

type NewProps = {
  /** The preselected agent. */
  agentId: string | undefined
  close: () => void
}

export function NewSession({ agentId, close }: NewProps) {
  const agents = useQuery(agentsQuery)
  const navigate = useNavigate()
  const [chosen, setChosen] = useState<string | null>(agentId ?? null)
  const [text, setText] = useState('')
  const known = agents.data?.data ?? []
  const agent = chosen ?? known[0]?.id
  const { begin, isStalled } = useBegin((sessionId) =>
    navigate({ to: '/sessions/$sessionId', params: { sessionId } }),
  )
  function submit(event: FormEvent) {
    event.preventDefault()
    if (agent && !begin.isPending) begin.mutate({ agentId: agent, text })
  }
  return (
    <Dialog title="New session" close={close} isDirty={text !== ''}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          <Select
            label="Agent"
            data={known.map(({ id, name }) => ({ value: id, label: name }))}
            value={agent ?? null}
            onChange={setChosen}
            searchable
            allowDeselect={false}
            limit={100}
            error={agents.isError && sentenceOf(agents.error)}
          />
          <Textarea
            label="First message"
            description="Optional"
            autosize
            minRows={3}
            maxRows={10}
            value={text}
            onChange={({ currentTarget }) => setText(currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit(event)
            }}
            data-autofocus
          />
          {isStalled && <StalledNote />}
          {begin.isError && (
            <Alert color="red" role="alert">
              {sentenceOf(begin.error)}
            </Alert>
          )}
          <DialogButtons close={close} keep={begin.isPending ? 'Close' : 'Cancel'}>
            <Button type="submit" loading={begin.isPending} disabled={!agent}>
              Start session
            </Button>
          </DialogButtons>
        </Stack>
      </form>
    </Dialog>
  )
}
