import { ActionIcon, Group } from '@mantine/core'
import type { Event } from '@outlast/sdk'
import { Icon } from '../../../shell/controls/icon.tsx'
import { durationOf } from '../../parts/duration.ts'
import { LongText } from '../../parts/long-text.tsx'
import type { Span, Turn } from '../turns.ts'
import { ModelStep } from './model-step.tsx'
import { SummaryStep } from './summary-step.tsx'
import { lengthOf } from './times.ts'
import { ToolStep } from './tool-step.tsx'

type InspectorProps = {
  span: Span
  turn: Turn
  nowMs: number
  events: readonly Event[]
  sessionId: string
  close: () => void
}

/** Everything about one step: what went in, what came out, and what it took. */
export function Inspector({ span, turn, nowMs, events, sessionId, close }: InspectorProps) {
  const facts = [
    `started after ${durationOf(span.startMs - turn.startMs)}`,
    `${span.endMs === undefined ? 'running for' : 'took'} ${durationOf(lengthOf(span, nowMs))}`,
    ...span.details,
  ]
  return (
    <section className="inspector" aria-label={`Step ${span.name}`}>
      <Group className="inspector-head" wrap="nowrap" gap="xs">
        <b>{span.name}</b>
        <span>{facts.join(' · ')}</span>
        <ActionIcon variant="subtle" color="gray" size="sm" aria-label="Close step" onClick={close}>
          <Icon name="close" size={14} />
        </ActionIcon>
      </Group>
      {span.error && (
        <div className="tool-error">
          <LongText name={`failed ${span.key}`} text={span.error} />
        </div>
      )}
      {span.generation !== undefined && (
        <ModelStep turn={turn} events={events} sessionId={sessionId} sequence={span.generation} />
      )}
      {span.summary && <SummaryStep name={span.key} summary={span.summary} />}
      {span.call && <ToolStep call={span.call} turnId={turn.id} events={events} />}
    </section>
  )
}
