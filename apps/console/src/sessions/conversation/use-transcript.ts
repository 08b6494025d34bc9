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
  /** The stored ones. */
  events: readonly Event[]
  /** Sequence of the last event that changed files, and of the last with the session's status. */
  filesAt: number
  stateAt: number
  /** How often the server lost events that were shown. */
  losses: number
  /** The stored past is there. */
  isLoaded: boolean
  isConnected: boolean
  /** Why it is not followed any more. */
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

/** What is not as it was before after an event: the session, or its files. */
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
  'llm.generation': 'ignored',
  'output.message.completed': 'ignored',
  'reason.completed': 'ignored',
  'act.started': 'state',
  'tool.approval_requested': 'state',
  'tool.approval_resolved': 'state',
  'tool.call_requested': 'state',
  'tool.started': 'ignored',
  'tool.completed': 'state',
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'files',
  'turn.completed': 'ignored',
  'turn.failed': 'ignored',
  'turn.cancelled': 'ignored',
  'session.idled': 'state',
} satisfies Record<EventType, 'state' | 'files' | 'ignored'>

/** Long enough for a server that is started anew. */
const retriesMax = 30

/** A session from its first event on. However many events arrive, it renders once a frame. */
export function useTranscript(sessionId: string): Followed {
  const [followed, setFollowed] = useState(nothing)

  useEffect(() => {
    const leaving = new AbortController()
    let events: Event[] = []
    let now = nothing
    let frame = 0
    const show = (change: Partial<Followed>) => {
      now = { ...now, ...change }
      frame ||= requestAnimationFrame(() => {
        frame = 0
        const next = now.events.length === events.length ? now : { ...now, events: [...events] }
        // Drawn in this very frame: else it would be on the screen with the next one.
        flushSync(() => setFollowed(next))
      })
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
      if (isOpen) sendWaiting()
    }

    /** Shows what is left in the log; the stream goes on with what took the place of the rest. */
    const onHistoryChanged = ({ sequence: last }: Resume) => {
      events = events.filter(({ sequence = 0 }) => sequence <= last)
      const transcript = events.reduce(addEvent, emptyTranscript)
      forgetConfirmed(sessionId)
      queryClient.invalidateQueries()
      // `events: []` makes the next frame copy them, even if as many have come again by then.
      show({ transcript, events: [], filesAt: 0, stateAt: 0, losses: now.losses + 1 })
    }

    async function follow() {
      const { signal } = leaving
      let { transcript } = nothing
      let told = {}
      for await (const event of outlast.events.list(sessionId, {}, { signal, retriesMax })) {
        transcript = addEvent(transcript, event)
        told = { ...told, ...take(event) }
      }
      show({ transcript, ...told, isLoaded: true })
      // By the id the server notices when the log is not the one that was read.
      const since_id = events.at(-1)?.id
      const options = { signal, since_id, onConnection, onHistoryChanged }
      for await (const event of outlast.events.stream(sessionId, options)) {
        show({ transcript: addEvent(now.transcript, event), ...take(event) })
      }
    }

    setFollowed(nothing)
    follow().catch((error) => leaving.signal.aborted || show({ error }))
    return () => {
      leaving.abort()
      cancelAnimationFrame(frame)
    }
  }, [sessionId])

  return followed
}
