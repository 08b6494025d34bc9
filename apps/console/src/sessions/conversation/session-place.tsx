import type { Event } from '@outlast/sdk'
import { createContext, useContext } from 'react'

export type Place = {
  sessionId: string
  /** The stored events, as of when it is asked. */
  eventsNow: () => readonly Event[]
}

/** The session that a part of the screen is about. It stays the same object, so that items are not drawn anew. */
export const SessionPlace = createContext<Place>({ sessionId: '', eventsNow: () => [] })

export const usePlace = () => useContext(SessionPlace)
