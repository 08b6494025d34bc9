import './tools.css'
import { Loader, UnstyledButton, VisuallyHidden } from '@mantine/core'
import type { ToolCallItem } from '@outlast/sdk'
import { lazy, Suspense } from 'react'
import { Icon } from '../../shell/icon.tsx'
import { durationOf } from '../conversation/duration.ts'
import { useKept } from '../conversation/kept.tsx'
import { LongText } from '../conversation/long-text.tsx'
import { Picture } from '../conversation/picture.tsx'
import { gistOf, todosOf } from './arguments.ts'
import { Json, ResultText } from './json.tsx'
import { Todos } from './todos.tsx'

const ApprovalForm = lazy(() =>
  import('./approval.tsx').then((all) => ({ default: all.ApprovalForm })),
)
const ClientQuestion = lazy(() =>
  import('./client-question.tsx').then((all) => ({ default: all.ClientQuestion })),
)

const QuestionForm = lazy(() =>
  import('./question-form.tsx').then((all) => ({ default: all.QuestionForm })),
)

/** A tool call: one line, with details when expanded. */
export function ToolCard({ item }: { item: ToolCallItem }) {
  const { id, name, status, durationMs, error, approval } = item
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
      <Suspense>
        {asks && <ApprovalForm call={item} />}
        {status === 'waiting' && item.isForClient && !asks && <ClientQuestion call={item} />}
        {status === 'waiting' && item.questions && (
          <QuestionForm key={item.questions.asked_at} call={item} asked={item.questions} />
        )}
      </Suspense>
      {isOpen && <Inside item={item} />}
    </div>
  )
}

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

function Inside({ item: { id, arguments: given, result } }: { item: ToolCallItem }) {
  return (
    <div className="tool-inside">
      <Json name={`${id} arguments`} label="Arguments" value={given} />
      {result?.map((part, at) => {
        const name = `${id} result ${at}`
        if (part.type === 'image') return <Picture key={name} part={part} name="Result" />
        if (part.type === 'text')
          return <ResultText key={name} name={name} label="Result" text={part.text} />
        return <Json key={name} name={name} label="Result" value={part} />
      })}
    </div>
  )
}
