import type { Event } from '@outlast/sdk'
import { createContext, useContext } from 'react'

export type OpenSession = {
  sessionId: string
  /** Returns the events that are stored at the time of the call. */
  eventsNow: () => readonly Event[]
  /** Who writes the replies. Undefined until it is loaded, and for viewers with a link. */
  agentName?: string | undefined
  /** The viewer has a link, and no account: no actions. */
  isReadOnly?: boolean
}

/** The session of a part of the screen. The object is stable, so that items do not re-render. */
export const SessionPlace = createContext<OpenSession>({ sessionId: '', eventsNow: () => [] })

export const usePlace = () => useContext(SessionPlace)
