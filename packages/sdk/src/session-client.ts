import { events } from './events.ts'
import { type ClientOptions, createHttp } from './http.ts'
import { messages } from './messages.ts'
import type { Outlast } from './outlast.ts'
import { sessions } from './sessions.ts'
import { toolRunner } from './tool-runner.ts'

/** The calls that a session store makes. */
export type SessionClient = Pick<Outlast, 'events' | 'messages' | 'runTools' | 'sessions'>

/**
 * Creates a client with the calls of a chat only, which keeps pages small. `createOutlast` returns
 * one with all calls.
 */
export function createSessionClient(options: ClientOptions): SessionClient {
  const http = createHttp(options)
  return {
    events: events(http),
    messages: messages(http),
    sessions: sessions(http),
    runTools: toolRunner(http),
  }
}
