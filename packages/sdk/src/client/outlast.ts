import type { Session } from '@outlast/contract'
import { type ClientOptions, createHttp } from '../http/http.ts'
import { sessionOf } from '../turns/session.ts'
import { toolRunner } from '../turns/tool-runner.ts'
import { accounts } from './accounts.ts'
import { agentChannels } from './agent-channels.ts'
import { channels } from './channels.ts'
import { endUsers } from './end-users.ts'
import { harnesses } from './harnesses.ts'
import { nounsOf } from './nouns.ts'
import { tokens } from './tokens.ts'
import { users } from './users.ts'
import { taskWebhooks } from './webhooks.ts'

/** A client of one server. */
export type Outlast = ReturnType<typeof clientOf> & {
  /**
   * Returns a client whose changes have this reason in the audit log: at most 1,000 characters,
   * without credentials.
   */
  withReason: (reason: string) => Outlast
}

/**
 * Creates a client. It sends nothing until the first call.
 * A failed call rejects with an OutlastError. Temporary failures are retried, with one idempotency
 * key for all attempts.
 */
export function createOutlast(options: ClientOptions = {}): Outlast {
  const withReason = (reason: string) => {
    const header = { 'everruns-change-reason': encodeURIComponent(reason) }
    return createOutlast({ ...options, headers: { ...options.headers, ...header } })
  }
  return { ...clientOf(options), withReason }
}

/** All calls, and handles of sessions. */
function clientOf(options: ClientOptions) {
  const http = createHttp(options)
  return {
    ...nounsOf(http),
    accounts: accounts(http),
    agentChannels: agentChannels(http),
    channels: channels(http),
    endUsers: endUsers(http),
    harnesses: harnesses(http),
    tokens: tokens(http),
    users: users(http),
    taskWebhooks: taskWebhooks(http),
    runTools: toolRunner(http),
    /** Returns a handle of a session, with `send`, `resume` and `events`. Sends nothing. */
    session: (session: string | Pick<Session, 'id'>) =>
      sessionOf(http, typeof session === 'string' ? session : session.id),
  }
}
