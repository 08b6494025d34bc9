import './trace.css'
import { ActionIcon, Group, UnstyledButton, VisuallyHidden } from '@mantine/core'
import type { Event, TokenUsage } from '@outlast/sdk'
import { useVirtualizer } from '@tanstack/react-virtual'
import { type KeyboardEvent, useRef, useState } from 'react'
import { Icon, type IconName } from '../../../shell/controls/icon.tsx'
import { shortCount, shortDollars } from '../../../shell/text/money.ts'
import { durationOf } from '../../parts/duration.ts'
import { useKept } from '../../parts/kept.tsx'
import { LongText } from '../../parts/long-text.tsx'
import type { Span, SpanKind, Turn } from '../turns.ts'
import { Inspector } from './inspector.tsx'
import { lengthOf, ticksOf } from './times.ts'

const spanHeight = 28
const zoomMax = 64

type StepsProps = { turn: Turn; nowMs: number; events: readonly Event[]; sessionId: string }

/** The steps of a turn: labels in a fixed column, their times beside it, and the chosen step. */
export function Steps({ turn, nowMs, events, sessionId }: StepsProps) {
  const [zoom, setZoom] = useState(1)
  const [chosen, choose] = useKept<string | undefined>(`step ${turn.id}`, undefined)
  const span = turn.spans.find(({ key }) => key === chosen)
  return (
    <>
      <Group className="panel-line" justify="space-between" wrap="nowrap">
        <span>
          Turn {turn.number}: {factsOf(turn, nowMs)}
        </span>
        <Group gap={4} wrap="nowrap">
          <Zoom label="Zoom out" sign="−" to={zoom / 2} isOff={zoom <= 1} set={setZoom} />
          <Zoom label="Zoom in" sign="+" to={zoom * 2} isOff={zoom >= zoomMax} set={setZoom} />
        </Group>
      </Group>
      {turn.error && (
        <div className="tool-error panel-line">
          <LongText name={`failed ${turn.id}`} text={turn.error} />
        </div>
      )}
      <StepTree turn={turn} nowMs={nowMs} zoom={zoom} chosen={chosen} choose={choose} />
      {span && (
        <Inspector
          key={span.key}
          span={span}
          turn={turn}
          nowMs={nowMs}
          events={events}
          sessionId={sessionId}
          close={() => choose(undefined)}
        />
      )}
    </>
  )
}

type TreeProps = {
  turn: Turn
  nowMs: number
  zoom: number
  chosen: string | undefined
  choose: (key: string) => void
}

function StepTree({ turn, nowMs, zoom, chosen, choose }: TreeProps) {
  const box = useRef<HTMLDivElement>(null)
  const ms = Math.max(1, lengthOf(turn, nowMs))
  const virtual = useVirtualizer({
    count: turn.spans.length,
    getScrollElement: () => box.current,
    estimateSize: () => spanHeight,
    paddingStart: 24,
    overscan: 10,
  })

  /** Up and down choose the step before or after. */
  function onKeyDown(event: KeyboardEvent) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step === undefined) return
    const now = (event.target as HTMLElement).closest<HTMLElement>('[data-step]')?.dataset.step
    const at = Number(now) + step
    const next = turn.spans[at]
    if (!next) return
    event.preventDefault()
    choose(next.key)
    virtual.scrollToIndex(at)
    const row = () => box.current?.querySelector<HTMLElement>(`[data-step="${at}"]`)
    // At once if it is drawn, because the next key may come before a frame.
    if (row()) row()?.focus()
    else requestAnimationFrame(() => row()?.focus())
  }

  return (
    <section
      ref={box}
      className="scroll trace"
      aria-label={`Steps of turn ${turn.number}`}
      onKeyDown={onKeyDown}
    >
      <div
        className="tall trace-rows"
        style={{ height: virtual.getTotalSize(), width: `${zoom * 100}%` }}
      >
        <div className="trace-scale" aria-hidden="true">
          {ticksOf(ms, zoom).map(({ at, label }) => (
            <div key={at} className="tick" style={{ left: `${at * 100}%` }}>
              {label}
            </div>
          ))}
        </div>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const span = turn.spans[index]!
          return (
            <StepRow
              key={span.key}
              span={span}
              turn={turn}
              nowMs={nowMs}
              index={index}
              top={start}
              isChosen={span.key === chosen}
              choose={choose}
            />
          )
        })}
      </div>
    </section>
  )
}

const icons: Record<SpanKind, IconName> = {
  wait: 'half',
  model: 'model',
  tool: 'capability',
  summary: 'file',
  retry: 'model',
  takeover: 'model',
}

type RowProps = {
  span: Span
  turn: Turn
  nowMs: number
  index: number
  top: number
  isChosen: boolean
  choose: (key: string) => void
}

function StepRow({ span, turn, nowMs, index, top, isChosen, choose }: RowProps) {
  const whole = Math.max(1, lengthOf(turn, nowMs))
  const percent = (ms: number) => `${(ms / whole) * 100}%`
  const ms = lengthOf(span, nowMs)
  const { usage } = span
  return (
    <UnstyledButton
      className="step"
      style={{ transform: `translateY(${top}px)` }}
      data-step={index}
      data-chosen={isChosen}
      aria-pressed={isChosen}
      onClick={() => choose(span.key)}
    >
      <span className="step-label" data-depth={span.depth}>
        <span className="step-icon" data-kind={span.hasFailed ? 'failed' : span.kind}>
          <Icon name={icons[span.kind]} size={14} />
        </span>
        <span className="step-name">{span.name}</span>
        <span className="step-amount">{usage && amountsOf(usage).join(' ')}</span>
        <span className="step-time">
          {durationOf(ms)}
          <VisuallyHidden>{outcomeOf(span)}</VisuallyHidden>
        </span>
      </span>
      <span className="step-track">
        <span
          className="step-bar"
          data-kind={span.hasFailed ? 'failed' : span.kind}
          style={{ left: percent(span.startMs - turn.startMs), width: `max(3px, ${percent(ms)})` }}
        />
      </span>
    </UnstyledButton>
  )
}

function outcomeOf({ kind, hasFailed }: Span): string {
  if (kind === 'retry') return ', interrupted'
  if (kind === 'takeover') return ', taken over'
  return hasFailed ? ', failed' : ''
}

const statusWords: Record<Turn['status'], string> = {
  running: 'running',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'canceled',
}

function factsOf(turn: Turn, nowMs: number): string {
  const count = (kind: SpanKind, one: string, more = `${one}s`) => {
    const found = turn.spans.filter((span) => span.kind === kind).length
    return found === 0 ? [] : [`${found} ${found === 1 ? one : more}`]
  }
  const parts = [statusWords[turn.status], durationOf(lengthOf(turn, nowMs))]
  const { usage } = turn
  return [
    ...parts,
    ...count('model', 'model call'),
    ...count('tool', 'tool call'),
    ...count('retry', 'retry', 'retries'),
    ...count('takeover', 'takeover'),
    ...(usage ? amountsOf(usage, ' tokens') : []),
  ].join(' · ')
}

/** Tokens, and the cost if the price is known. */
function amountsOf({ input_tokens, output_tokens, cost_usd }: TokenUsage, unit = ''): string[] {
  const tokens = `${shortCount(input_tokens + output_tokens)}${unit}`
  return cost_usd === undefined ? [tokens] : [tokens, shortDollars(cost_usd)]
}

type ZoomProps = {
  label: string
  sign: string
  to: number
  isOff: boolean
  set: (zoom: number) => void
}

const Zoom = ({ label, sign, to, isOff, set }: ZoomProps) => (
  <ActionIcon
    size="sm"
    variant="default"
    aria-label={label}
    disabled={isOff}
    onClick={() => set(to)}
  >
    {sign}
  </ActionIcon>
)
