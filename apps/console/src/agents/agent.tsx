import './agents.css'
import { Alert, Button, Group, Modal, Text } from '@mantine/core'
import { useHotkeys } from '@mantine/hooks'
import type { Agent } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useBlocker, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { sentenceOf, statusOf } from '../errors.ts'
import { ChangedMeanwhile } from '../form/use-save-form.ts'
import { agentQuery } from '../queries/agents.ts'
import { Empty, Failure, Screen } from '../shell/screen.tsx'
import { AgentActions, Restore } from './agent-actions.tsx'
import { Aside, Sides } from './aside.tsx'
import { Basics, ClientTools, Prompt } from './basics.tsx'
import { CapabilityUses } from './capability-uses.tsx'
import { Conflict } from './conflict.tsx'
import { agentDraft, emptyDraft } from './draft.ts'
import { Problems } from './problems.ts'
import { type AgentForm, useAgentForm } from './use-agent-form.ts'

/** One agent: its editor, and beside it a conversation or what a model would be given. */
export function AgentScreen() {
  const { agentId } = useParams({ from: '/agents/$agentId' })
  const agent = useQuery(agentQuery(agentId))
  if (agent.data) return <Editor key={agentId} stored={agent.data} />
  if (!agent.isError) return null
  if (statusOf(agent.error) === 404) {
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
  const { isDirty, base } = form

  // What was just created goes to its own address, once nothing that was written since would be
  // lost by it.
  const createdId = stored || isDirty ? undefined : base?.id
  useEffect(() => {
    if (!createdId) return
    navigate({ to: '/agents/$agentId', params: { agentId: createdId }, replace: true })
  }, [createdId, navigate])
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
              loading={form.isSaving}
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
            onSubmit={form.onSubmit}
          >
            <Told form={form} />
            <Basics form={form} />
            <Prompt form={form} />
            <CapabilityUses form={form} />
            <ClientTools form={form} />
          </form>
          <Aside form={form} />
        </div>
        <Leaving isDirty={isDirty} />
      </Screen>
    </Problems>
  )
}

/** What went wrong is seen wherever one was in the form. */
const intoSight = (element: HTMLElement | null) => element?.scrollIntoView({ block: 'nearest' })

/** What one should know of the agent before writing on. */
function Told({ form }: { form: AgentForm }) {
  const [isComparing, setComparing] = useState(false)
  const { base, draft, origin, theirs, error, choose } = form
  const isConflict = error instanceof ChangedMeanwhile
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
          theirs={agentDraft(theirs)}
          choose={(chosen) => {
            choose(chosen)
            setComparing(false)
          }}
          close={() => setComparing(false)}
        />
      )}
      {error !== null && !(isConflict && theirs) && (
        <Alert ref={intoSight} color="red" role="alert" title="It was not saved">
          {sentenceOf(error)}
        </Alert>
      )}
    </>
  )
}

/** Asks before what was changed is lost. */
function Leaving({ isDirty }: { isDirty: boolean }) {
  const { status, proceed, reset } = useBlocker({
    shouldBlockFn: ({ current, next }) => isDirty && current.pathname !== next.pathname,
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
