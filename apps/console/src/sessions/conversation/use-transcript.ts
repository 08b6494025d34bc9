import {
  addEvent,
  type Event,
  type EventType,
  emptyTranscript,
  type OutlastError,
  type Resume,
  type Transcript,
} from '@outlast/sdk'
import { useEffect, useState } from 'react'
import { flushSync } from 'react-dom'
import { outlast, queryClient } from '../../client.ts'
import { sendWaiting } from '../composer/outbox-sender.ts'
import { forgetConfirmed } from '../composer/outbox-state.ts'

export type Followed = {
  transcript: Transcript
  /** Stored events only. */
  events: readonly Event[]
  /** Sequence of the last event that changed files, and of the last with the session's status. */
  filesAt: number
  stateAt: number
  /** Number of times that the server lost events that were shown. */
  losses: number
  /** The stored events are loaded. */
  isLoaded: boolean
  isConnected: boolean
  /** The error that ended the stream. */
  error: unknown
}

const nothing: Followed = {
  transcript: emptyTranscript,
  events: [],
  filesAt: 0,
  stateAt: 0,
  losses: 0,
  isLoaded: false,
  isConnected: true,
  error: undefined,
}

/** The data that an event type changes: the session, or its files. */
const changedBy = {
  'input.message': 'ignored',
  'session.started': 'ignored',
  'session.activated': 'state',
  'turn.started': 'state',
  'mcp.unavailable': 'ignored',
  'capability.unavailable': 'ignored',
  'reason.started': 'ignored',
  'context.compacting': 'state',
  'context.compacted': 'ignored',
  'output.message.started': 'state',
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': 'ignored',
  'reason.thinking.completed': 'ignored',
  'output.message.delta': 'ignored',
  'tool.input.delta': 'ignored',
  'llm.generation': 'ignored',
  'output.message.completed': 'ignored',
  'reason.completed': 'ignored',
  'act.started': 'state',
  'tool.approval_requested': 'state',
  'tool.approval_resolved': 'state',
  'tool.call_requested': 'state',
  'tool.input_resolved': 'state',
  'tool.started': 'ignored',
  'tool.completed': 'state',
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'files',
  'budget.warning': 'ignored',
  'budget.exhausted': 'state',
  'budget.paused': 'state',
  'budget.resumed': 'state',
  'turn.completed': 'ignored',
  'turn.failed': 'ignored',
  'turn.cancelled': 'ignored',
  'session.idled': 'state',
  'feedback.given': 'ignored',
} satisfies Record<EventType, 'state' | 'files' | 'ignored'>

/** Enough for a server restart. */
const retriesMax = 30

const hiddenMs = 250

/** Works in the next frame. A hidden tab has no frames: there, soon. Returns how to cancel it. */
function inFrame(work: () => void): () => void {
  if (document.hidden) {
    const timer = setTimeout(work, hiddenMs)
    return () => clearTimeout(timer)
  }
  const frame = requestAnimationFrame(work)
  return () => cancelAnimationFrame(frame)
}

/**
 * Follows a session from its first event. Renders at most once per frame. Another `client` than the
 * user's sends no messages.
 */
export function useTranscript(sessionId: string, client = outlast): Followed {
  const [followed, setFollowed] = useState(nothing)

  useEffect(() => {
    const leaving = new AbortController()
    let events: Event[] = []
    let now = nothing
    let cancel: (() => void) | undefined
    const render = () => {
      cancel = undefined
      const next = now.events.length === events.length ? now : { ...now, events: [...events] }
      // Renders in this frame. Otherwise the change would appear one frame later.
      flushSync(() => setFollowed(next))
    }
    const show = (change: Partial<Followed>) => {
      now = { ...now, ...change }
      cancel ??= inFrame(render)
    }
    const onVisibility = () => {
      if (!cancel) return
      cancel()
      cancel = inFrame(render)
    }
    const take = (event: Event): Partial<Followed> => {
      const { sequence } = event
      if (sequence === undefined) return {}
      events.push(event)
      const changed = changedBy[event.type]
      if (changed === 'files') return { filesAt: sequence }
      return changed === 'state' ? { stateAt: sequence } : {}
    }
    const onConnection = ({ isOpen }: { isOpen: boolean; error?: OutlastError }) => {
      show({ isConnected: isOpen })
      if (isOpen && client === outlast) sendWaiting()
    }

    /** Drops events that the log no longer contains. The stream sends their replacements. */
    const onHistoryChanged = ({ sequence: last }: Resume) => {
      events = events.filter(({ sequence = 0 }) => sequence <= last)
      const transcript = events.reduce(addEvent, emptyTranscript)
      forgetConfirmed(sessionId)
      queryClient.invalidateQueries()
      // `events: []` forces a copy in the next frame, even if the count is equal by then.
      show({ transcript, events: [], filesAt: 0, stateAt: 0, losses: now.losses + 1 })
    }

    async function follow() {
      const { signal } = leaving
      let { transcript } = nothing
      let changes = {}
      for await (const event of client.events.list(sessionId, {}, { signal, retriesMax })) {
        transcript = addEvent(transcript, event)
        changes = { ...changes, ...take(event) }
      }
      show({ transcript, ...changes, isLoaded: true })
      // The id lets the server detect that its log differs from the one that was read.
      const since_id = events.at(-1)?.id
      const options = { signal, since_id, onConnection, onHistoryChanged }
      for await (const event of client.events.stream(sessionId, options)) {
        show({ transcript: addEvent(now.transcript, event), ...take(event) })
      }
    }

    document.addEventListener('visibilitychange', onVisibility)
    setFollowed(nothing)
    follow().catch((error) => leaving.signal.aborted || show({ error }))
    return () => {
      leaving.abort()
      document.removeEventListener('visibilitychange', onVisibility)
      cancel?.()
    }
  }, [sessionId, client])

  return followed
}
