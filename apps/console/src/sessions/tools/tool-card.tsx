import './tools.css'
import { Loader, UnstyledButton, VisuallyHidden } from '@mantine/core'
import type { ToolCallItem } from '@outlast/sdk'
import { Suspense, useMemo } from 'react'
import { Icon } from '../../shell/controls/icon.tsx'
import { lazyPart } from '../../shell/screen/lazy-part.ts'
import { Named } from '../../shell/text/identity.tsx'
import { durationOf } from '../parts/duration.ts'
import { useKept } from '../parts/kept.tsx'
import { LongText } from '../parts/long-text.tsx'
import { usePlace } from '../parts/session-place.tsx'
import { gistOf, todosOf } from './arguments.ts'
import { failedExitCode } from './failed-command.ts'
import { Todos } from './todos.tsx'

const ApprovalForm = lazyPart(() =>
  import('./approval.tsx').then((all) => ({ default: all.ApprovalForm })),
)
const CallNotes = lazyPart(() =>
  import('./call-notes.tsx').then((all) => ({ default: all.CallNotes })),
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
  const code = useMemo(() => item.status === 'done' && failedExitCode(item), [item])
  const status = code ? 'failed' : item.status
  const [isOpen, setOpen] = useKept(`call ${id}`, false)
  const todos = todosOf(name, item.arguments)
  const asks = status === 'waiting' && approval?.state === 'requested'
  return (
    <div className={`tool ${status}`}>
      <UnstyledButton className="tool-head" onClick={() => setOpen(!isOpen)} aria-expanded={isOpen}>
        <Icon name="chevron" size={14} />
        <StatusMark status={status} />
        <span className="tool-name">
          <Named name={name} icon="capability" />
        </span>
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
      {error && (
        <div className="tool-error">
          <LongText name={`error ${id}`} text={error} />
        </div>
      )}
      <Suspense>{(item.progress || approval) && <CallNotes item={item} />}</Suspense>
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

function StatusMark({ status }: Pick<ToolCallItem, 'status'>) {
  if (status === 'running') return <Loader size={13} aria-hidden="true" />
  const icons = { waiting: 'half', done: 'check', failed: 'close', cancelled: 'close' } as const
  return (
    <span className={`mark ${status}`}>
      <Icon name={icons[status]} size={14} />
    </span>
  )
}
