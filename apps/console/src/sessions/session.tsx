import './session.css'
import { Anchor, Button } from '@mantine/core'
import { useThrottledValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { Link, useParams, useSearch } from '@tanstack/react-router'
import { type DragEvent, lazy, memo, Suspense, useEffect, useMemo, useRef, useState } from 'react'
import { invalidate } from '../client.ts'
import { statusOf } from '../errors.ts'
import { useAgent } from '../queries/agents.ts'
import { fileKeys } from '../queries/files.ts'
import { sessionKeys } from '../queries/keys.ts'
import { sessionQuery } from '../queries/sessions.ts'
import { State, type StateKind } from '../shell/entry.tsx'
import { Empty, Failure, Screen } from '../shell/screen.tsx'
import { useAttachments } from './composer/attachments.ts'
import { Composer } from './composer/composer.tsx'
import { type Outgoing, useOutgoing } from './composer/outbox.ts'
import { OutgoingMessage } from './composer/outgoing.tsx'
import { Conversation } from './conversation/conversation.tsx'
import { Keeping } from './conversation/kept.tsx'
import { SessionPlace } from './conversation/session-place.tsx'
import { type Followed, useTranscript } from './conversation/use-transcript.ts'
import { panels } from './panels/panels.ts'
import { WhyLine } from './panels/why.tsx'
import { useTabSign } from './tab-sign.ts'

const BudgetWait = lazy(() =>
  import('./conversation/budget-wait.tsx').then((all) => ({ default: all.BudgetWait })),
)
const Panel = lazy(() => import('./panels/panel.tsx').then(({ Panel }) => ({ default: Panel })))

/** One session, updated live. */
export function SessionScreen() {
  const { sessionId } = useParams({ from: '/sessions/$sessionId' })
  return (
    <Keeping key={sessionId}>
      <Live sessionId={sessionId} />
    </Keeping>
  )
}

function Live({ sessionId }: { sessionId: string }) {
  const followed = useTranscript(sessionId)
  const { transcript, events, isConnected, isLoaded, error } = followed
  const { panel, message } = useSearch({ from: '/sessions/$sessionId' })
  const session = useQuery(sessionQuery(sessionId)).data
  const outgoing = useOutgoing(sessionId, events)
  const attachments = useAttachments(sessionId)
  useFresh(sessionId, followed)
  const now = useRef(events)
  now.current = events
  const place = useMemo(() => ({ sessionId, eventsNow: () => now.current }), [sessionId])
  const isActive = isLoaded && transcript.status === 'active'
  const { budget_id: budgetId, needed } = (isActive && session?.waiting_for) || {}
  const [kind, word] = budgetId ? (['warn', 'waiting for budget'] as const) : stateOf(followed)
  useTabSign(kind === 'warn')
  if (error) return <Gone error={error} outgoing={outgoing} />
  const title = session ? (session.title ?? session.preview ?? 'New session') : ''
  return (
    <SessionPlace value={place}>
      <Screen
        title={title}
        tabTitle={title && isLoaded ? `${title} – ${word}` : title}
        actions={
          <>
            <AgentLink id={session?.agent_id} />
            <span role="status" className="session-now">
              {isLoaded && <State kind={kind}>{word}</State>}
            </span>
          </>
        }
      >
        <Tabs />
        <div className="session" data-panel={panel}>
          <section
            className="session-main"
            aria-label="Conversation and composer"
            onDragOver={(event) => event.preventDefault()}
            onDrop={(event: DragEvent) => {
              event.preventDefault()
              attachments.add([...event.dataTransfer.files])
            }}
          >
            <LossNotice losses={followed.losses} />
            {isLoaded && !isConnected && (
              <div className="offline" role="status">
                Connection lost. Reconnecting…
              </div>
            )}
            <Conversation
              transcript={transcript}
              outgoing={outgoing}
              isLoaded={isLoaded}
              messageId={message}
            />
            <Suspense>{budgetId && <BudgetWait budgetId={budgetId} needed={needed} />}</Suspense>
            <WhyLine sessionId={sessionId} isActive={isActive} />
            <Composer
              session={session}
              sessionId={sessionId}
              isActive={transcript.status === 'active'}
              attachments={attachments}
            />
          </section>
          {panel && (
            <section className="session-panel" aria-label={labelOf(panel)}>
              <Suspense>
                <Panel name={panel} events={events} sessionId={sessionId} />
              </Suspense>
            </section>
          )}
        </div>
      </Screen>
    </SessionPlace>
  )
}

/** Shown until dismissed: a database failover may have lost the latest events. */
function LossNotice({ losses }: { losses: number }) {
  const [read, setRead] = useState(0)
  if (losses === read) return null
  return (
    <div className="offline" role="status">
      The server lost recent events. The conversation was reloaded.{' '}
      <Button size="compact-xs" variant="default" onClick={() => setRead(losses)}>
        Dismiss
      </Button>
    </div>
  )
}

const labelOf = (name: string) => name.slice(0, 1).toUpperCase() + name.slice(1)

function stateOf({ transcript: { status, waitingFor } }: Followed): [StateKind, string] {
  if (waitingFor.length > 0) return ['warn', 'waiting for you']
  return status === 'active' ? ['busy', 'active'] : ['off', 'idle']
}

function AgentLink({ id }: { id: string | undefined }) {
  const agent = useAgent(id).data
  if (!agent) return null
  return (
    <Anchor
      className="session-agent-link"
      renderRoot={(props) => (
        <Link to="/agents/$agentId" params={{ agentId: agent.id }} {...props} />
      )}
    >
      {agent.name}
    </Anchor>
  )
}

/** Tabs of the session. On a phone a panel replaces the conversation. */
const Tabs = memo(() => (
  <nav className="session-tabs" aria-label="Session views">
    {[undefined, ...panels].map((name) => (
      <Link
        key={name ?? 'conversation'}
        from="/sessions/$sessionId"
        to="."
        search={(before) => ({ ...before, panel: name })}
        activeOptions={{ exact: true, includeSearch: true }}
      >
        {name ? labelOf(name) : 'Conversation'}
      </Link>
    ))}
  </nav>
))

/** Minimum interval between refetches. */
const freshMs = 500

/** Refetches session data and files when the log reports a change. */
function useFresh(sessionId: string, { isLoaded, ...followed }: Followed) {
  const stateAt = useThrottledValue(followed.stateAt, freshMs)
  const filesAt = useThrottledValue(followed.filesAt, freshMs)
  useEffect(() => {
    if (isLoaded && stateAt > 0) invalidate(sessionKeys.one(sessionId))
  }, [sessionId, isLoaded, stateAt])
  useEffect(() => {
    if (isLoaded && filesAt > 0) invalidate(fileKeys(sessionId))
  }, [sessionId, isLoaded, filesAt])
}

function Gone({ error, outgoing }: { error: unknown; outgoing: readonly Outgoing[] }) {
  if (statusOf(error) !== 404) {
    return <Failure error={error} retry={() => location.reload()} />
  }
  return (
    <Screen title="Session">
      <Empty title="Session not found">
        It may have been deleted.
        <div>
          <Button component={Link} to="/" mt="sm" size="xs">
            View sessions
          </Button>
        </div>
      </Empty>
      <div className="unsent-messages">
        {outgoing.map((one) => (
          <OutgoingMessage key={one.id} outgoing={one} />
        ))}
      </div>
    </Screen>
  )
}
