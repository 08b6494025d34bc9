import '../sessions/tools/tools.css'
import type { ToolCallItem, WaitingItem } from '@outlast/sdk'
import { Link } from '@tanstack/react-router'
import { type RefObject, Suspense, useLayoutEffect, useMemo, useRef } from 'react'
import { SessionPlace } from '../sessions/parts/session-place.tsx'
import { ListRow } from '../shell/list/list.tsx'
import { lazyPart } from '../shell/screen/lazy-part.ts'
import { State } from '../shell/screen/state.tsx'
import { Ago } from '../shell/text/ago.tsx'
import { escaped } from '../shell/text/escapes.ts'
import { Named } from '../shell/text/identity.tsx'
import { typeWords } from './words.ts'

const ApprovalForm = lazyPart(() =>
  import('../sessions/tools/approval.tsx').then((all) => ({ default: all.ApprovalForm })),
)
const BudgetWait = lazyPart(() =>
  import('../sessions/conversation/budget-wait.tsx').then((all) => ({ default: all.BudgetWait })),
)
const QuestionForm = lazyPart(() =>
  import('../sessions/tools/question-form.tsx').then((all) => ({ default: all.QuestionForm })),
)

/** An entry with the form that answers it. */
export function WaitingEntry({ item }: { item: WaitingItem }) {
  const { type, session_id: sessionId, summary, since, agent_name, user } = item
  const place = useMemo(() => ({ sessionId: sessionId ?? '', eventsNow: () => [] }), [sessionId])
  const entry = useRef<HTMLLIElement>(null)
  useFocusOfNext(entry)
  return (
    <ListRow
      label={summary}
      ref={entry}
      more={
        <div className="waiting-answer">
          {type !== 'input' && (
            <div className="waiting-summary">{item.arguments ? item.tool_name : summary}</div>
          )}
          <SessionPlace value={place}>
            <Suspense>
              <Answering item={item} />
            </Suspense>
          </SessionPlace>
        </div>
      }
    >
      <Subject item={item} />
      <State kind={type === 'sign_in' ? 'bad' : 'warn'}>{typeWords[type].one}</State>
      {agent_name && <Named name={agent_name} />}
      <span className="list-dim">{user}</span>
      <span className="list-dim">
        <Ago at={since} />
      </span>
    </ListRow>
  )
}

/** A link to what waits. */
function Subject({ item: { session_id: sessionId, session_title } }: Props) {
  if (sessionId === null)
    return (
      <Link to="/mcp-servers" className="list-link">
        MCP server
      </Link>
    )
  return (
    <Link to="/sessions/$sessionId" params={{ sessionId }} className="list-link">
      {escaped(session_title ?? 'Session')}
    </Link>
  )
}

type Props = { item: WaitingItem }

function Answering({ item }: Props) {
  const { type, session_id: sessionId, questions } = item
  if (type === 'approval' && item.arguments) return <ApprovalForm call={callOf(item)} />
  if (type === 'input' && questions) {
    return <QuestionForm key={questions.asked_at} call={callOf(item)} asked={questions} />
  }
  if (type === 'sign_in') {
    return <Link to="/mcp-servers">Change the key or headers of the server</Link>
  }
  if (type === 'budget') return <BudgetWait budgetId={item.budget_id!} needed={undefined} />
  return (
    <Link to="/sessions/$sessionId" params={{ sessionId: sessionId! }}>
      Open the session to see the whole call
    </Link>
  )
}

/**
 * The entry as a call of a conversation, for the forms of these. Its key includes the session,
 * because calls of two sessions may have the same id.
 */
const callOf = (item: WaitingItem): ToolCallItem => ({
  kind: 'tool_call',
  key: item.id,
  id: item.tool_call_id!,
  at: item.since,
  turnId: undefined,
  name: item.tool_name!,
  arguments: item.arguments ?? {},
  status: 'waiting',
  isForClient: false,
  expiresAt: item.expires_at ?? undefined,
  approval: {
    state: 'requested',
    expiresAt: item.expires_at ?? undefined,
    reason: undefined,
    decidedBy: undefined,
  },
  questions: item.questions ?? undefined,
  progress: undefined,
  result: undefined,
  error: undefined,
  durationMs: undefined,
})

/** Focuses the next entry when the entry disappears with the focus in it. */
function useFocusOfNext(entry: RefObject<HTMLLIElement | null>): void {
  useLayoutEffect(() => {
    const element = entry.current!
    return () => {
      if (!element.contains(document.activeElement)) return
      const next = element.nextElementSibling ?? element.previousElementSibling
      next?.querySelector<HTMLElement>('a')?.focus({ preventScroll: true })
    }
  }, [entry])
}
