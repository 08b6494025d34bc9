import { UnstyledButton } from '@mantine/core'
import type { Event } from '@outlast/sdk'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useMemo, useRef, useState } from 'react'
import { Empty } from '../../shell/screen/screen.tsx'
import { durationOf } from '../parts/duration.ts'
import { Steps } from './trace/steps.tsx'
import { lengthOf } from './trace/times.ts'
import { type Turn, turnsOf } from './turns.ts'

const turnHeight = 28
const tickMs = 250

type PanelProps = { events: readonly Event[]; sessionId: string }

/** All turns as bars, the steps of the chosen turn as a tree over time, and the chosen step. */
export function TimelinePanel({ events, sessionId }: PanelProps) {
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
      <TurnBars turns={turns} chosen={turn.id} nowMs={nowMs} />
      <Steps key={turn.id} turn={turn} nowMs={nowMs} events={events} sessionId={sessionId} />
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

type TurnsProps = { turns: readonly Turn[]; chosen: string; nowMs: number }

function TurnBars({ turns, chosen, nowMs }: TurnsProps) {
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
