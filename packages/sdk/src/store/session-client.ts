import { events } from '../client/events.ts'
import { messages } from '../client/messages.ts'
import type { Outlast } from '../client/outlast.ts'
import { sessions } from '../client/sessions.ts'
import { type ClientOptions, createHttp } from '../http/http.ts'
import { toolRunner } from '../turns/tool-runner.ts'

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
