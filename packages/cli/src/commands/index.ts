import type { Noun } from '../core/command.ts'

/** A noun before it is loaded. In a summary, the words after a colon are verbs. */
export type NounEntry = { summary: string; load: () => Promise<Noun> }

/** All nouns in the order of the help. They are loaded on use, for a fast start. */
export const nouns: Record<string, NounEntry> = {
  chat: {
    summary: 'chat with an agent, interactively or with one message',
    load: async () => (await import('./sessions/chat.ts')).chat,
  },
  agents: {
    summary: 'agents: list, get, create, update, delete, import, export',
    load: async () => (await import('./agents/agents.ts')).agents,
  },
  sessions: {
    summary: 'sessions: list, get, log, create, update, delete, fork, cancel, approve',
    load: async () => (await import('./sessions/sessions.ts')).sessions,
  },
  waiting: {
    summary: 'what waits for a person in all sessions: approve, deny, answer',
    load: async () => (await import('./sessions/waiting.ts')).waiting,
  },
  messages: {
    summary: 'messages of a session: list, get, send',
    load: async () => (await import('./sessions/messages.ts')).messages,
  },
  events: {
    summary: 'print the events of a session, or follow them',
    load: async () => (await import('./sessions/events.ts')).events,
  },
  files: {
    summary: 'files of a session: list, get, push, pull, delete, move, grep',
    load: async () => (await import('./sessions/files.ts')).files,
  },
  images: {
    summary: 'images for messages: list, create, get, delete',
    load: async () => (await import('./sessions/images.ts')).images,
  },
  providers: {
    summary: 'model providers: list, get, create, update, delete, test',
    load: async () => (await import('./agents/providers.ts')).providers,
  },
  models: {
    summary: 'models: list, get, create, update, delete',
    load: async () => (await import('./agents/models.ts')).models,
  },
  channels: {
    summary:
      'doors of an agent for other programs: list, get, create, update, delete, publish, keys',
    load: async () => (await import('./agents/channels.ts')).channels,
  },
  capabilities: {
    summary: 'tools and prompts for agents: list, get',
    load: async () => (await import('./agents/capabilities.ts')).capabilities,
  },
  mcp: {
    summary: 'MCP servers: list, get, create, update, delete, test, review',
    load: async () => (await import('./agents/mcp.ts')).mcp,
  },
  schedules: {
    summary: 'scheduled messages: list, get, create, update, delete, pause, resume',
    load: async () => (await import('./agents/schedules.ts')).schedules,
  },
  budgets: {
    summary:
      'limits on the use of model calls: list, get, create, update, delete, top-up, pause, resume, ledger, check',
    load: async () => (await import('./operations/budgets.ts')).budgets,
  },
  usage: {
    summary: 'show tokens and cost by day, agent, model, user or key',
    load: async () => (await import('./operations/usage.ts')).usage,
  },
  webhooks: {
    summary:
      'requests for events: list, get, create, update, delete, rotate, test, deliveries, resend',
    load: async () => (await import('./operations/webhooks.ts')).webhooks,
  },
  alerts: {
    summary: 'rules on failures, cost and waits: list, get, create, update, delete, firings',
    load: async () => (await import('./operations/alerts.ts')).alerts,
  },
  workflows: {
    summary: 'turns that are open or failed: list, get, cancel, retry',
    load: async () => (await import('./agents/workflows.ts')).workflows,
  },
  workers: {
    summary: 'nodes of the server: list, get, drain, resume, health',
    load: async () => (await import('./operations/workers.ts')).workers,
  },
  'end-users': {
    summary: 'users of your product: token, tokens, revoke-token, export, delete',
    load: async () => (await import('./access/end-users.ts')).endUsers,
  },
  accounts: {
    summary: 'user accounts, for the operator: list, get, disable, enable, delete',
    load: async () => (await import('./access/accounts.ts')).accounts,
  },
  audit: {
    summary: 'audit log: list, export',
    load: async () => (await import('./access/audit.ts')).audit,
  },
  open: {
    summary: 'open the console in the browser, at a session or an agent',
    load: async () => (await import('./sessions/open.ts')).open,
  },
  login: {
    summary: 'sign in to a server and save it as a profile',
    load: async () => (await import('./access/login.ts')).login,
  },
  logout: {
    summary: 'remove the saved key of a profile and revoke it',
    load: async () => (await import('./access/logout.ts')).logout,
  },
  status: {
    summary: 'show the server, the user and the organization in use',
    load: async () => (await import('./operations/status.ts')).status,
  },
  doctor: {
    summary: 'check the connection and the server, and suggest fixes',
    load: async () => (await import('./operations/doctor.ts')).doctor,
  },
  profiles: {
    summary: 'saved servers: list, get, use, delete',
    load: async () => (await import('./access/profiles.ts')).profiles,
  },
  keys: {
    summary: 'API keys: list, get, create, delete',
    load: async () => (await import('./access/keys.ts')).keys,
  },
  orgs: {
    summary: 'organizations: list, get, create, update, delete, select, members, invite',
    load: async () => (await import('./access/orgs.ts')).orgs,
  },
  completion: {
    summary: 'print the completion script of a shell: bash, zsh, fish',
    load: async () => (await import('./operations/completion.ts')).completion,
  },
}
