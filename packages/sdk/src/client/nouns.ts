import type { Http } from '../http/http.ts'
import { agents } from './agents.ts'
import { alerts } from './alerts.ts'
import { apiKeys } from './api-keys.ts'
import { audit } from './audit.ts'
import { auth } from './auth.ts'
import { budgets } from './budgets.ts'
import { capabilities } from './capabilities.ts'
import { changes } from './changes.ts'
import { events } from './events.ts'
import { files } from './files.ts'
import { health } from './health.ts'
import { images } from './images.ts'
import { mcpServers } from './mcp-servers.ts'
import { messages } from './messages.ts'
import { models } from './models.ts'
import { organizations } from './organizations.ts'
import { providers } from './providers.ts'
import { schedules } from './schedules.ts'
import { sessions } from './sessions.ts'
import { usage } from './usage.ts'
import { waiting } from './waiting.ts'
import { webhooks } from './webhooks.ts'
import { workers } from './workers.ts'
import { workflows } from './workflows.ts'

/** The calls that the console makes, by noun. Other programs have more: `outlast.ts`. */
export function nounsOf(http: Http) {
  return {
    /** Address of the server without a slash at its end. */
    url: http.base,
    agents: agents(http),
    alerts: alerts(http),
    apiKeys: apiKeys(http),
    audit: audit(http),
    auth: auth(http),
    capabilities: capabilities(http),
    changes: changes(http),
    events: events(http),
    files: files(http),
    health: health(http),
    images: images(http),
    mcpServers: mcpServers(http),
    messages: messages(http),
    models: models(http),
    organizations: organizations(http),
    providers: providers(http),
    schedules: schedules(http),
    sessions: sessions(http),
    workers: workers(http),
    waiting: waiting(http),
    budgets: budgets(http),
    usage: usage(http),
    webhooks: webhooks(http),
    workflows: workflows(http),
  }
}
