import './agents.css'
import { Alert, Button } from '@mantine/core'
import { useHotkeys } from '@mantine/hooks'
import type { Agent } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { Suspense, useEffect, useRef, useState } from 'react'
import { sentenceOf, statusOf } from '../errors.ts'
import { Leaving } from '../form/leaving.tsx'
import { ChangedMeanwhile } from '../form/use-save-form.ts'
import { agentQuery } from '../queries/agents.ts'
import { ToolRules } from '../sessions/tools/tool-rules.tsx'
import { lazyPart } from '../shell/screen/lazy-part.ts'
import { Empty, Failure, Screen } from '../shell/screen/screen.tsx'
import { ScreenSkeleton } from '../shell/screen/skeleton.tsx'
import { AgentActions, Restore } from './agent-actions.tsx'
import { Aside, Sides } from './aside.tsx'
import { Basics, ClientTools, OutputSchema, Prompt } from './basics.tsx'
import { CapabilityUses } from './capability-uses.tsx'
import { agentDraft, emptyDraft } from './draft.ts'
import { FileAgent } from './file-agent.tsx'
import { InitialFiles, Limits } from './limits.tsx'
import { Problems } from './problems.ts'
import { type AgentForm, useAgentForm } from './use-agent-form.ts'

const Conflict = lazyPart(() => import('./conflict.tsx').then((all) => ({ default: all.Conflict })))

/** One agent: its editor, and a playground or a prompt preview beside it. */
export function AgentScreen() {
  const { agentId } = useParams({ from: '/agents/$agentId' })
  const agent = useQuery(agentQuery(agentId))
  if (agent.data?.source === 'file') return <FileAgent key={agentId} agent={agent.data} />
  if (agent.data) return <AgentEditor key={agentId} stored={agent.data} />
  if (!agent.isError) return <ScreenSkeleton />
  if (statusOf(agent.error) === 404) {
    return (
      <Screen title="Agent">
        <Empty title="Agent not found">
          Check the link, or choose an agent from the list.
          <div>
            <Button component={Link} to="/agents" mt="sm" size="xs">
              View agents
            </Button>
          </div>
        </Empty>
      </Screen>
    )
  }
  return <Failure error={agent.error} retry={agent.refetch} />
}

export const NewAgentScreen = () => <AgentEditor stored={undefined} />

/** Returns the initial changes: the capability that the URL adds. */
function firstOf(stored: Agent | undefined, ref: string | undefined) {
  const uses = stored?.capabilities ?? emptyDraft.uses
  if (!ref || uses.some((use) => use.ref === ref)) return {}
  return { uses: [...uses, { ref }] }
}

function AgentEditor({ stored }: { stored: Agent | undefined }) {
  const { add, side } = useSearch({ strict: false })
  const form = useAgentForm(stored, firstOf(stored, add))
  const navigate = useNavigate()
  const { isDirty, base } = form

  // A created agent gets its own URL, once navigation loses no later changes.
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
              {base ? 'Save changes' : 'Create agent'}
            </Button>
            {base && <AgentActions agent={base} />}
          </>
        }
      >
        <div className="agent" data-side={side}>
          <Sides isNew={!base} first="Editor" />
          <form
            ref={element}
            id="agent-form"
            className="scroll agent-editor"
            aria-label="Agent"
            onSubmit={form.onSubmit}
          >
            <Notices form={form} />
            <Basics form={form} />
            <Prompt form={form} />
            <CapabilityUses form={form} />
            <ClientTools form={form} />
            <OutputSchema form={form} />
            <Limits form={form} />
            <InitialFiles form={form} />
            {stored && <ToolRules owner="agent" id={stored.id} />}
          </form>
          <Aside form={form} />
        </div>
        <Leaving isDirty={isDirty} />
      </Screen>
    </Problems>
  )
}

/** Scrolls to an error from anywhere in the form. */
const intoSight = (element: HTMLElement | null) => element?.scrollIntoView({ block: 'nearest' })

/** Notices above the form: archived, changed by another user, not saved. */
function Notices({ form }: { form: AgentForm }) {
  const [isComparing, setComparing] = useState(false)
  const { base, draft, origin, theirs, error, choose } = form
  const isConflict = error instanceof ChangedMeanwhile
  return (
    <>
      {base?.status === 'archived' && <Restore agent={base} />}
      {theirs && (
        <Alert
          key={isConflict ? 'refused' : 'notified'}
          ref={isConflict ? intoSight : null}
          color="yellow"
          role="alert"
          title="Another user changed this agent"
        >
          {isConflict && 'Your changes were not saved. '}
          Your draft stays here until you resolve the conflict.
          <div>
            <Button size="xs" mt="xs" onClick={() => setComparing(true)}>
              Review changes
            </Button>
          </div>
        </Alert>
      )}
      {theirs && isComparing && (
        <Suspense>
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
        </Suspense>
      )}
      {error !== null && !(isConflict && theirs) && (
        <Alert ref={intoSight} color="red" role="alert" title="Agent not saved">
          {sentenceOf(error)}
        </Alert>
      )}
    </>
  )
}
