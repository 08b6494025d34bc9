import './tools.css'
import { Loader, UnstyledButton, VisuallyHidden } from '@mantine/core'
import type { ToolCallItem } from '@outlast/sdk'
import { Suspense, useMemo } from 'react'
import { Icon } from '../../shell/icon.tsx'
import { lazyPart } from '../../shell/lazy-part.ts'
import { durationOf } from '../conversation/duration.ts'
import { useKept } from '../conversation/kept.tsx'
import { LongText } from '../conversation/long-text.tsx'
import { usePlace } from '../conversation/session-place.tsx'
import { gistOf, todosOf } from './arguments.ts'
import { isFailedCommand } from './failed-command.ts'
import { Todos } from './todos.tsx'

const ApprovalForm = lazyPart(() =>
  import('./approval.tsx').then((all) => ({ default: all.ApprovalForm })),
)
const ClientQuestion = lazyPart(() =>
  import('./client-question.tsx').then((all) => ({ default: all.ClientQuestion })),
)
const Inside = lazyPart(() => import('./tool-inside.tsx').then((all) => ({ default: all.Inside })))
const QuestionForm = lazyPart(() =>
  import('./question-form.tsx').then((all) => ({ default: all.QuestionForm })),
)

/** A tool call: one line, with details when expanded. */
export function ToolCard({ item }: { item: ToolCallItem }) {
  const { id, name, durationMs, error, approval } = item
  const { isReadOnly } = usePlace()
  const hasFailed = useMemo(() => item.status === 'done' && isFailedCommand(item), [item])
  const status = hasFailed ? 'failed' : item.status
  const [isOpen, setOpen] = useKept(`call ${id}`, false)
  const todos = todosOf(name, item.arguments)
  const asks = status === 'waiting' && approval?.state === 'requested'
  return (
    <div className={`tool ${status}`}>
      <UnstyledButton className="tool-head" onClick={() => setOpen(!isOpen)} aria-expanded={isOpen}>
        <Icon name="chevron" size={14} />
        <Mark status={status} />
        <span className="tool-name">{name}</span>
        <span className="tool-gist">{todos ? '' : gistOf(item.arguments)}</span>
        <span className="tool-time">
          {durationMs === undefined ? (
            words[status]
          ) : (
            <>
              <VisuallyHidden>{words[status]} in</VisuallyHidden> {durationOf(durationMs)}
            </>
          )}
        </span>
      </UnstyledButton>
      {todos && status !== 'failed' && <Todos name={id} todos={todos} />}
      {status === 'running' && item.progress && <Progress {...item.progress} />}
      {error && (
        <div className="tool-error">
          <LongText name={`error ${id}`} text={error} />
        </div>
      )}
      {approval && !asks && <Decision approval={approval} />}
      {status === 'waiting' && !isReadOnly && <Waiting item={item} asks={asks} />}
      <Suspense>{isOpen && <Inside item={item} />}</Suspense>
    </div>
  )
}

/** The form for the decision, result or answers that the call waits for. */
const Waiting = ({ item, asks }: { item: ToolCallItem; asks: boolean }) => (
  <Suspense>
    {asks && <ApprovalForm call={item} />}
    {item.isForClient && !asks && <ClientQuestion call={item} />}
    {item.questions && (
      <QuestionForm key={item.questions.asked_at} call={item} asked={item.questions} />
    )}
  </Suspense>
)

const words = {
  waiting: 'Waiting',
  running: 'Running',
  done: 'Done',
  failed: 'Failed',
  cancelled: 'Canceled',
} as const

function Mark({ status }: Pick<ToolCallItem, 'status'>) {
  if (status === 'running') return <Loader size={13} aria-hidden="true" />
  const icons = { waiting: 'half', done: 'check', failed: 'close', cancelled: 'close' } as const
  return (
    <span className={`mark ${status}`}>
      <Icon name={icons[status]} size={14} />
    </span>
  )
}

type ProgressProps = NonNullable<ToolCallItem['progress']>

function Progress({ progress, total, message }: ProgressProps) {
  return (
    <div className="how-far">
      {total !== undefined && total > 0 && (
        <progress value={progress} max={total} aria-label="Progress" />
      )}
      <span>{message ?? (total === undefined ? progress : `${progress} of ${total}`)}</span>
    </div>
  )
}

function Decision({
  approval: { state, reason, decidedBy },
}: {
  approval: NonNullable<ToolCallItem['approval']>
}) {
  const by = decidedBy?.name ? ` by ${decidedBy.name}` : ''
  const sentences = {
    requested: 'No decision was made.',
    approved: `Approved${by}.`,
    denied: `Denied${by}${reason ? `: ${reason}` : '.'}`,
    expired: 'Expired without a decision.',
  }
  return <div className="decided">{sentences[state]}</div>
}
