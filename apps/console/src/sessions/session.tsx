import './session.css'
import { Anchor } from '@mantine/core'
import { useThrottledValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { Link, useParams, useSearch } from '@tanstack/react-router'
import { type DragEvent, memo, Suspense, useEffect, useMemo, useRef } from 'react'
import { invalidate } from '../client.ts'
import { useAgent } from '../queries/agents.ts'
import { fileKeys } from '../queries/files.ts'
import { sessionKeys } from '../queries/keys.ts'
import { sessionQuery } from '../queries/sessions.ts'
import { lazyPart } from '../shell/screen/lazy-part.ts'
import { Screen } from '../shell/screen/screen.tsx'
import { Skeleton } from '../shell/screen/skeleton.tsx'
import { State, type StateKind } from '../shell/screen/state.tsx'
import { Tabs } from '../shell/screen/tabs.tsx'
import { Named } from '../shell/text/identity.tsx'
import { useAttachments } from './composer/attachments.ts'
import { Composer } from './composer/composer.tsx'
import { useOutgoing } from './composer/outbox.ts'
import { ConnectionLost } from './connection-lost.tsx'
import { Conversation, useFinding } from './conversation/conversation.tsx'
import { type Followed, useTranscript } from './conversation/use-transcript.ts'
import { panels } from './panels/panels.ts'
import { Keeping } from './parts/kept.tsx'
import { SessionPlace } from './parts/session-place.tsx'
import { SessionActions } from './session-actions.tsx'
import { useTabSign } from './tab-sign.ts'

const Gone = lazyPart(() => import('./gone.tsx').then((all) => ({ default: all.Gone })))
const LossNotice = lazyPart(() =>
  import('./loss-notice.tsx').then((all) => ({ default: all.LossNotice })),
)
const WhyWords = lazyPart(() =>
  import('./panels/why.tsx').then((all) => ({ default: all.WhyWords })),
)
const BudgetWait = lazyPart(() =>
  import('./conversation/budget-wait.tsx').then((all) => ({ default: all.BudgetWait })),
)
const Panel = lazyPart(() => import('./panels/panel.tsx').then(({ Panel }) => ({ default: Panel })))

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
  const finding = useFinding()
  useFresh(sessionId, followed)
  const now = useRef(events)
  now.current = events
  const agent = useAgent(session?.agent_id).data
  const agentName = agent?.name
  const place = useMemo(
    () => ({ sessionId, eventsNow: () => now.current, agentName }),
    [sessionId, agentName],
  )
  const isActive = isLoaded && transcript.status === 'active'
  const { budget_id: budgetId, needed } = (isActive && session?.waiting_for) || {}
  const [kind, word] = budgetId
    ? (['warn', 'waiting for budget'] as const)
    : stateOfFollowed(followed)
  useTabSign(kind === 'warn')
  if (error) {
    return (
      <Suspense>
        <Gone error={error} outgoing={outgoing} />
      </Suspense>
    )
  }
  const title = session ? (session.title ?? session.preview ?? 'New session') : ''
  return (
    <SessionPlace value={place}>
      <Screen
        title={title}
        tabTitle={title && isLoaded ? `${title} – ${word}` : title}
        actions={
          <>
            {agent && <AgentLink agent={agent} />}
            <SessionActions
              sessionId={sessionId}
              title={title}
              transcript={transcript}
              find={finding.open}
            />
            <span role="status" className="session-now">
              {isLoaded && <State kind={kind}>{word}</State>}
            </span>
          </>
        }
      >
        <SessionTabs panel={panel} />
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
            <Suspense>{followed.losses > 0 && <LossNotice losses={followed.losses} />}</Suspense>
            {isLoaded && !isConnected && <ConnectionLost />}
            <Conversation
              transcript={transcript}
              outgoing={outgoing}
              isLoaded={isLoaded}
              messageId={message}
              finding={finding}
            />
            <Suspense>{budgetId && <BudgetWait budgetId={budgetId} needed={needed} />}</Suspense>
            {/* Keeps its height while it is empty. */}
            <div className="why-line" role="status">
              <Suspense>{isActive && <WhyWords sessionId={sessionId} />}</Suspense>
            </div>
            <Composer
              session={session}
              sessionId={sessionId}
              isActive={transcript.status === 'active'}
              attachments={attachments}
            />
          </section>
          {panel && (
            <section className="session-panel" aria-label={panelLabelOf(panel)}>
              <Suspense fallback={<Skeleton />}>
                <Panel name={panel} events={events} sessionId={sessionId} />
              </Suspense>
            </section>
          )}
        </div>
      </Screen>
    </SessionPlace>
  )
}

function panelLabelOf(name: string) {
  return name.slice(0, 1).toUpperCase() + name.slice(1)
}

function stateOfFollowed({
  transcript: { status, waitingFor },
  events,
}: Followed): [StateKind, string] {
  if (waitingFor.length > 0) return ['warn', 'waiting for you']
  if (status === 'active') return ['busy', 'active']
  const hasFailed = events.findLast(({ type }) => type.startsWith('turn.'))?.type === 'turn.failed'
  return hasFailed ? ['bad', 'failed'] : ['off', 'idle']
}

const AgentLink = ({ agent: { id, name } }: { agent: { id: string; name: string } }) => (
  <Anchor
    className="session-agent-link"
    renderRoot={(props) => <Link to="/agents/$agentId" params={{ agentId: id }} {...props} />}
  >
    <Named name={name} />
  </Anchor>
)

const tabs = [undefined, ...panels].map((tab) => ({
  tab,
  label: panelLabelOf(tab ?? 'conversation'),
}))

/** Tabs of the session. On a phone a panel replaces the conversation. */
const SessionTabs = memo(({ panel }: { panel: (typeof panels)[number] | undefined }) => (
  <Tabs label="Session views" tabs={tabs} current={panel} param="panel" isKeeping />
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
