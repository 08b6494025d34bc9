import type { Session } from '@outlast/contract'
import { accounts } from './accounts.ts'
import { agentChannels } from './agent-channels.ts'
import { agents } from './agents.ts'
import { apiKeys } from './api-keys.ts'
import { audit } from './audit.ts'
import { auth } from './auth.ts'
import { capabilities } from './capabilities.ts'
import { changes } from './changes.ts'
import { channels } from './channels.ts'
import { endUsers } from './end-users.ts'
import { events } from './events.ts'
import { files } from './files.ts'
import { harnesses } from './harnesses.ts'
import { health } from './health.ts'
import { type ClientOptions, createHttp } from './http.ts'
import { images } from './images.ts'
import { mcpServers } from './mcp-servers.ts'
import { messages } from './messages.ts'
import { models } from './models.ts'
import { organizations } from './organizations.ts'
import { providers } from './providers.ts'
import { schedules } from './schedules.ts'
import { sessionOf } from './session.ts'
import { sessions } from './sessions.ts'
import { tokens } from './tokens.ts'
import { users } from './users.ts'
import { workers } from './workers.ts'
import { workflows } from './workflows.ts'

/** A client of one server. */
export type Outlast = ReturnType<typeof callsOf> & {
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
  return { ...callsOf(options), withReason }
}

/** The calls of a client, by noun. */
function callsOf(options: ClientOptions) {
  const http = createHttp(options)
  return {
    /** Address of the server without a slash at its end. */
    url: http.base,
    agentChannels: agentChannels(http),
    agents: agents(http),
    apiKeys: apiKeys(http),
    audit: audit(http),
    auth: auth(http),
    capabilities: capabilities(http),
    changes: changes(http),
    endUsers: endUsers(http),
    channels: channels(http),
    events: events(http),
    files: files(http),
    harnesses: harnesses(http),
    health: health(http),
    images: images(http),
    mcpServers: mcpServers(http),
    messages: messages(http),
    models: models(http),
    organizations: organizations(http),
    providers: providers(http),
    schedules: schedules(http),
    sessions: sessions(http),
    accounts: accounts(http),
    tokens: tokens(http),
    users: users(http),
    workers: workers(http),
    workflows: workflows(http),
    /** Returns a handle of a session, with `send`, `resume` and `events`. Sends nothing. */
    session: (session: string | Pick<Session, 'id'>) =>
      sessionOf(http, typeof session === 'string' ? session : session.id),
  }
}
