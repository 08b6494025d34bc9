import './agents.css'
import { Alert, Button, Group, Modal, Text } from '@mantine/core'
import { useHotkeys } from '@mantine/hooks'
import type { Agent } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useBlocker, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useRef, useState } from 'react'
import { outlast, sentenceOf } from '../client.ts'
import { Empty, Failure, Screen } from '../shell/screen.tsx'
import { AgentActions, Restore } from './agent-actions.tsx'
import { Aside, Sides } from './aside.tsx'
import { Basics, ClientTools, Prompt } from './basics.tsx'
import { CapabilityUses } from './capability-uses.tsx'
import { Conflict } from './conflict.tsx'
import { draftOf, emptyDraft } from './draft.ts'
import { Problems } from './problems.ts'
import { type AgentForm, ChangedMeanwhile, useAgentForm } from './use-agent-form.ts'

/** One agent: its editor, and beside it a conversation or what a model would be given. */
export function AgentScreen() {
  const { agentId } = useParams({ from: '/agents/$agentId' })
  const agent = useQuery({
    queryKey: ['agent', agentId],
    queryFn: ({ signal }) => outlast.agents.get(agentId, { signal }),
  })
  if (agent.data) return <Editor key={agentId} stored={agent.data} />
  if (!agent.isError) return null
  if ((agent.error as { status?: number }).status === 404) {
    return <Empty title="This agent is not there.">The address is not right.</Empty>
  }
  return <Failure error={agent.error} retry={agent.refetch} />
}

export const NewAgentScreen = () => <Editor stored={undefined} />

/** With the capability that the address says to add. */
function firstOf(stored: Agent | undefined, ref: string | undefined) {
  const uses = stored?.capabilities ?? emptyDraft.uses
  if (!ref || uses.some((use) => use.ref === ref)) return {}
  return { uses: [...uses, { ref }] }
}

function Editor({ stored }: { stored: Agent | undefined }) {
  const { add, side } = useSearch({ strict: false })
  const form = useAgentForm(stored, firstOf(stored, add))
  const navigate = useNavigate()
  const isLeaving = useRef(false)
  const { draft, change, isDirty, save, base } = form

  function saveNow() {
    if (save.isPending) return
    save.mutate(undefined, {
      onSuccess({ id }) {
        if (base) return
        isLeaving.current = true
        navigate({ to: '/agents/$agentId', params: { agentId: id }, replace: true })
      },
    })
  }
  const element = useRef<HTMLFormElement>(null)
  useHotkeys([['mod+S', () => element.current?.requestSubmit()]], [], true)

  return (
    <Problems value={form.problems}>
      <Screen
        title={stored?.name ?? 'New agent'}
        actions={
          <>
            <Button
              size="xs"
              type="submit"
              form="agent-form"
              disabled={!isDirty}
              loading={save.isPending}
            >
              {base ? 'Save' : 'Create'}
            </Button>
            {base && <AgentActions agent={base} />}
          </>
        }
      >
        <Sides isNew={!base} />
        <div className="agent" data-side={side}>
          <form
            ref={element}
            id="agent-form"
            className="scroll agent-editor"
            aria-label="Agent"
            onSubmit={(event) => {
              event.preventDefault()
              saveNow()
            }}
          >
            <Told form={form} />
            <Basics draft={draft} change={change} />
            <Prompt draft={draft} change={change} />
            <CapabilityUses draft={draft} change={change} />
            <ClientTools draft={draft} change={change} />
          </form>
          <Aside form={form} />
        </div>
        <Leaving isDirty={isDirty} mayLeave={() => isLeaving.current} />
      </Screen>
    </Problems>
  )
}

/** What went wrong is seen wherever one was in the form. */
const intoSight = (element: HTMLElement | null) => element?.scrollIntoView({ block: 'nearest' })

/** What one should know of the agent before writing on. */
function Told({ form }: { form: AgentForm }) {
  const [isComparing, setComparing] = useState(false)
  const { base, draft, origin, theirs, save, choose } = form
  const isConflict = save.error instanceof ChangedMeanwhile
  return (
    <>
      {base?.status === 'archived' && <Restore agent={base} />}
      {theirs && (
        <Alert
          key={isConflict ? 'refused' : 'told'}
          ref={isConflict ? intoSight : null}
          color="yellow"
          role="alert"
          title="Somebody else changed this agent meanwhile"
        >
          {isConflict && 'Nothing was saved. '}
          What you wrote is kept here until you choose.
          <div>
            <Button size="xs" mt="xs" onClick={() => setComparing(true)}>
              See the difference
            </Button>
          </div>
        </Alert>
      )}
      {theirs && isComparing && (
        <Conflict
          base={origin}
          mine={draft}
          theirs={draftOf(theirs)}
          choose={(chosen) => {
            choose(chosen)
            setComparing(false)
          }}
          close={() => setComparing(false)}
        />
      )}
      {save.isError && !isConflict && (
        <Alert ref={intoSight} color="red" role="alert" title="It was not saved">
          {sentenceOf(save.error)}
        </Alert>
      )}
    </>
  )
}

/** Asks before what was changed is lost. */
function Leaving({ isDirty, mayLeave }: { isDirty: boolean; mayLeave: () => boolean }) {
  const { status, proceed, reset } = useBlocker({
    shouldBlockFn: ({ current, next }) =>
      isDirty && !mayLeave() && current.pathname !== next.pathname,
    enableBeforeUnload: () => isDirty,
    withResolver: true,
  })
  return (
    <Modal
      opened={status === 'blocked'}
      onClose={() => reset?.()}
      title="Leave without saving?"
      centered
    >
      <Text size="sm">What you changed here was not saved, and is lost when you leave.</Text>
      <Group justify="flex-end" gap="xs" mt="lg">
        <Button variant="default" onClick={() => reset?.()}>
          Stay
        </Button>
        <Button color="red" onClick={() => proceed?.()}>
          Leave
        </Button>
      </Group>
    </Modal>
  )
}
