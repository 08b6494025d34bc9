import type { Event } from '@outlast/sdk'
import { createContext, useContext } from 'react'

export type OpenSession = {
  sessionId: string
  /** The stored events, as of when it is asked. */
  eventsNow: () => readonly Event[]
}

/** The session of a part of the screen. The object is stable, so that items are not redrawn. */
export const SessionPlace = createContext<OpenSession>({ sessionId: '', eventsNow: () => [] })

export const usePlace = () => useContext(SessionPlace)
