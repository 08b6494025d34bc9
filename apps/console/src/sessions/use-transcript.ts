import {
  addEvent,
  type Event,
  emptyTranscript,
  type OutlastError,
  type Transcript,
} from '@outlast/sdk'
import { useEffect, useState } from 'react'
import { flushSync } from 'react-dom'
import { outlast } from '../client.ts'
import { sendWaiting } from './outbox-sender.ts'

export type Followed = {
  transcript: Transcript
  /** The stored ones. */
  events: readonly Event[]
  /** The sequence of the last event that changed files, and of the last that says how the session is. */
  filesAt: number
  stateAt: number
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
  isLoaded: false,
  isConnected: true,
  error: undefined,
}

/** After these a session is not as it was before. */
const stateTypes = new Set<string>([
  'session.activated',
  'session.idled',
  'turn.started',
  'output.message.started',
  'context.compacting',
  'act.started',
  'tool.approval_requested',
  'tool.approval_resolved',
  'tool.call_requested',
  'tool.completed',
])

/** Long enough for a server that is started anew. */
const retriesMax = 30

/** A session from its beginning to now, and on. However many events come, the page is drawn once a frame. */
export function useTranscript(sessionId: string): Followed {
  const [followed, setFollowed] = useState(nothing)

  useEffect(() => {
    const leaving = new AbortController()
    const events: Event[] = []
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
      if (event.type === 'files.changed') return { filesAt: sequence }
      return stateTypes.has(event.type) ? { stateAt: sequence } : {}
    }
    const onConnection = ({ isOpen }: { isOpen: boolean; error?: OutlastError }) => {
      show({ isConnected: isOpen })
      if (isOpen) sendWaiting()
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
      const options = { signal, after_sequence: transcript.sequence, onConnection }
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
