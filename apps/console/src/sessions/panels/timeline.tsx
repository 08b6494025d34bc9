import { ActionIcon, Group, UnstyledButton } from '@mantine/core'
import type { Event } from '@outlast/sdk'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useMemo, useRef, useState } from 'react'
import { Empty } from '../../shell/screen.tsx'
import { durationOf } from '../conversation/duration.ts'
import { LongText } from '../conversation/long-text.tsx'
import { type Span, type Turn, turnsOf } from './turns.ts'

const turnHeight = 34
const spanHeight = 26
const zoomMax = 64
const tickMs = 250

/** All turns as bars, and the steps of the chosen turn over time. */
export function TimelinePanel({ events }: { events: readonly Event[] }) {
  const { turn: turnId } = useSearch({ from: '/sessions/$sessionId' })
  const turns = useMemo(() => turnsOf(events), [events])
  const turn = turns.find(({ id }) => id === turnId) ?? turns.at(-1)
  const nowMs = useNow(turns.at(-1)?.endMs === undefined && turns.length > 0)
  if (!turn) {
    return (
      <Empty title="No turns yet">
        Send a message to start a turn. Its model calls, tool calls and waits appear here.
      </Empty>
    )
  }
  return (
    <>
      <Turns turns={turns} chosen={turn.id} nowMs={nowMs} />
      <Steps key={turn.id} turn={turn} nowMs={nowMs} />
    </>
  )
}

/** The current time. Updates while a turn is running. */
function useNow(isRunning: boolean): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (!isRunning) return
    const timer = setInterval(() => setNow(Date.now()), tickMs)
    return () => clearInterval(timer)
  }, [isRunning])
  return now
}

const lengthOf = ({ startMs, endMs }: Pick<Turn, 'startMs' | 'endMs'>, nowMs: number) =>
  Math.max(0, (endMs ?? nowMs) - startMs)

type TurnsProps = { turns: readonly Turn[]; chosen: string; nowMs: number }

function Turns({ turns, chosen, nowMs }: TurnsProps) {
  const box = useRef<HTMLDivElement>(null)
  const navigate = useNavigate({ from: '/sessions/$sessionId' })
  const longest = turns.reduce((most, turn) => Math.max(most, lengthOf(turn, nowMs)), 1)
  const virtual = useVirtualizer({
    count: turns.length,
    getScrollElement: () => box.current,
    estimateSize: () => turnHeight,
    overscan: 8,
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: only for another choice
  useEffect(() => {
    virtual.scrollToIndex(turns.findIndex(({ id }) => id === chosen))
  }, [chosen, turns.length])
  return (
    <div ref={box} className="turns">
      <div className="tall" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, key, start }) => {
          const turn = turns[index]!
          const ms = lengthOf(turn, nowMs)
          return (
            <UnstyledButton
              key={key}
              className="turn"
              style={{ transform: `translateY(${start}px)` }}
              aria-pressed={turn.id === chosen}
              onClick={() => navigate({ search: (before) => ({ ...before, turn: turn.id }) })}
            >
              <span className="turn-name">Turn {turn.number}</span>
              <span className="turn-track">
                <span
                  className={`turn-bar ${turn.status}`}
                  style={{ width: `${Math.max(1, (ms / longest) * 100)}%` }}
                />
              </span>
              <span className="turn-time">{durationOf(ms)}</span>
            </UnstyledButton>
          )
        })}
      </div>
    </div>
  )
}

const statusWords: Record<Turn['status'], string> = {
  running: 'running',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'canceled',
}

function countsOf(turn: Turn, nowMs: number): string {
  const count = (kind: Span['kind'], one: string, more = `${one}s`) => {
    const found = turn.spans.filter((span) => span.kind === kind).length
    return found === 0 ? [] : [`${found} ${found === 1 ? one : more}`]
  }
  const parts = [statusWords[turn.status], durationOf(lengthOf(turn, nowMs))]
  return [
    ...parts,
    ...count('model', 'model call'),
    ...count('tool', 'tool call'),
    ...count('retry', 'retry', 'retries'),
    ...count('takeover', 'takeover'),
  ].join(' · ')
}

function Steps({ turn, nowMs }: { turn: Turn; nowMs: number }) {
  const [zoom, setZoom] = useState(1)
  const [shown, setShown] = useState<Span>()
  const box = useRef<HTMLDivElement>(null)
  const ms = Math.max(1, lengthOf(turn, nowMs))
  const virtual = useVirtualizer({
    count: turn.spans.length,
    getScrollElement: () => box.current,
    estimateSize: () => spanHeight,
    paddingStart: 22,
    overscan: 10,
  })
  return (
    <>
      <Group className="panel-line" justify="space-between" wrap="nowrap">
        <span>
          Turn {turn.number}: {countsOf(turn, nowMs)}
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
      <section ref={box} className="scroll steps" aria-label={`Steps of turn ${turn.number}`}>
        <div className="tall" style={{ height: virtual.getTotalSize(), width: `${zoom * 100}%` }}>
          <Ticks ms={ms} zoom={zoom} />
          {virtual.getVirtualItems().map(({ index, key, start }) => {
            const span = turn.spans[index]!
            return (
              <Step key={key} span={span} turn={turn} nowMs={nowMs} top={start} show={setShown} />
            )
          })}
        </div>
      </section>
      <div className="panel-line step-told" role="status">
        {shown ? (
          <StepDetails span={shown} turn={turn} nowMs={nowMs} />
        ) : (
          'Select a step for details.'
        )}
      </div>
    </>
  )
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

const [second, minute, hour, day] = [1_000, 60_000, 3_600_000, 86_400_000]
const tickSteps = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * second),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * minute),
  ...[1, 2, 3, 6, 12].map((count) => count * hour),
]

/** Tick lines at round times. */
function Ticks({ ms, zoom }: { ms: number; zoom: number }) {
  const least = ms / (4 * zoom)
  const step = tickSteps.find((one) => one >= least) ?? Math.ceil(least / day) * day
  return Array.from({ length: Math.ceil(ms / step) }, (_, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: ticks do not move
    <div key={at} className="tick" style={{ left: `${((at * step) / ms) * 100}%` }}>
      {at === 0 ? '0' : durationOf(at * step).replace('.0 ', ' ')}
    </div>
  ))
}

type StepProps = {
  span: Span
  turn: Turn
  nowMs: number
  top: number
  show: (span: Span) => void
}

function Step({ span, turn, nowMs, top, show }: StepProps) {
  const whole = Math.max(1, lengthOf(turn, nowMs))
  const percent = (ms: number) => `${(ms / whole) * 100}%`
  const ms = lengthOf(span, nowMs)
  const left = span.startMs - turn.startMs
  const [from, to] = [left / whole, (left + ms) / whole]
  const look = () => show(span)
  return (
    <div className="step" style={{ transform: `translateY(${top}px)` }}>
      <UnstyledButton
        className={`step-bar ${span.kind} ${span.error ? 'failed' : ''}`}
        style={{ left: percent(left), width: `max(3px, ${percent(ms)})` }}
        onMouseEnter={look}
        onFocus={look}
        aria-label={`${span.name}, ${durationOf(ms)}${outcomeOf(span)}`}
      />
      <span
        className={`step-name ${isOn(from, to) ? `on-${span.kind}` : ''}`}
        style={namePlace(from, to)}
      >
        {span.name} <span className="step-time">{durationOf(ms)}</span>
      </span>
    </div>
  )
}

function outcomeOf({ kind, error }: Span): string {
  if (kind === 'retry') return ', interrupted'
  if (kind === 'takeover') return ', taken over'
  return error ? ', failed' : ''
}

const roomAfter = 0.6
const roomBefore = 0.4
const isOn = (from: number, to: number) => to >= roomAfter && from <= roomBefore

/** Places the name after, before or on its bar, depending on the room. */
function namePlace(from: number, to: number) {
  if (isOn(from, to)) return { left: `calc(${from * 100}% + 8px)` }
  if (to < roomAfter) return { left: `calc(${to * 100}% + 8px)` }
  return { right: `calc(${(1 - from) * 100}% + 8px)` }
}

function StepDetails({ span, turn, nowMs }: { span: Span; turn: Turn; nowMs: number }) {
  const { name, startMs, error, details } = span
  const parts = [
    `started after ${durationOf(startMs - turn.startMs)}`,
    `took ${durationOf(lengthOf(span, nowMs))}`,
    ...details,
  ]
  return (
    <>
      <b>{name}</b> {parts.join(' · ')}
      {error && (
        <div className="tool-error">
          <LongText name={`failed ${span.key}`} text={error} />
        </div>
      )}
    </>
  )
}
