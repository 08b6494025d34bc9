import {
  addEvent,
  type Event,
  emptyTranscript,
  type OutlastError,
  type Transcript,
} from '@outlast/sdk'
import { useEffect, useState } from 'react'
import { outlast } from '../client.ts'

export type Followed = {
  transcript: Transcript
  events: readonly Event[]
  /** The stored past is there. */
  isLoaded: boolean
  isConnected: boolean
  /** Why it is not followed any more. */
  error: unknown
}

const nothing: Followed = {
  transcript: emptyTranscript,
  events: [],
  isLoaded: false,
  isConnected: true,
  error: undefined,
}

/** A session from its beginning to now, and on. However many events come, the page is drawn once a frame. */
export function useTranscript(sessionId: string): Followed {
  const [followed, setFollowed] = useState(nothing)

  useEffect(() => {
    const leaving = new AbortController()
    let now = nothing
    let frame = 0
    const show = (change: Partial<Followed>) => {
      now = { ...now, ...change }
      frame ||= requestAnimationFrame(() => {
        frame = 0
        setFollowed(now)
      })
    }
    const onConnection = ({ isOpen }: { isOpen: boolean; error?: OutlastError }) =>
      show({ isConnected: isOpen })

    async function follow() {
      const { signal } = leaving
      const past: Event[] = []
      for await (const event of outlast.events.list(sessionId, {}, { signal })) past.push(event)
      show({ transcript: past.reduce(addEvent, emptyTranscript), events: past, isLoaded: true })
      const after_sequence = past.at(-1)?.sequence ?? 0
      const options = { signal, after_sequence, onConnection }
      for await (const event of outlast.events.stream(sessionId, options)) {
        const events = event.sequence === undefined ? now.events : [...now.events, event]
        show({ transcript: addEvent(now.transcript, event), events })
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
