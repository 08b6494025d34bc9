import type { Noun } from '../core/command.ts'

/** What stands in the help before anything is loaded. */
export type Entry = { summary: string; load: () => Promise<Noun> }

/** Every noun, in the order of the help. Each is loaded on use, so that the start is quick. */
export const nouns: Record<string, Entry> = {
  chat: {
    summary: 'talk to an agent, here or in one line',
    load: async () => (await import('./chat.ts')).chat,
  },
  agents: {
    summary: 'who works: make, show, change, import and export agents',
    load: async () => (await import('./agents.ts')).agents,
  },
  sessions: {
    summary: 'conversations: start, show, fork, export, cancel',
    load: async () => (await import('./sessions.ts')).sessions,
  },
  messages: {
    summary: 'what was said in a session; send something',
    load: async () => (await import('./messages.ts')).messages,
  },
  events: {
    summary: 'what happened in a session, and what happens',
    load: async () => (await import('./events.ts')).events,
  },
  files: {
    summary: 'files of a session: list, read, send, fetch, search',
    load: async () => (await import('./files.ts')).files,
  },
  providers: {
    summary: 'vendors and servers of models',
    load: async () => (await import('./providers.ts')).providers,
  },
  models: {
    summary: 'models that agents can use',
    load: async () => (await import('./models.ts')).models,
  },
  capabilities: {
    summary: 'what agents can be given: tools and prompts',
    load: async () => (await import('./capabilities.ts')).capabilities,
  },
  mcp: {
    summary: 'MCP servers, whose tools agents can use',
    load: async () => (await import('./mcp.ts')).mcp,
  },
  schedules: {
    summary: 'what agents do by the clock',
    load: async () => (await import('./schedules.ts')).schedules,
  },
  workflows: {
    summary: 'turns that run, wait, or failed for good',
    load: async () => (await import('./workflows.ts')).workflows,
  },
  workers: {
    summary: 'nodes: how they do, drain and resume them',
    load: async () => (await import('./workers.ts')).workers,
  },
  accounts: {
    summary: 'people on this server: disable, sign out, delete; for its operator',
    load: async () => (await import('./accounts.ts')).accounts,
  },
  audit: {
    summary: 'who did what to what',
    load: async () => (await import('./audit.ts')).audit,
  },
  login: {
    summary: 'save a server and a key for it',
    load: async () => (await import('./login.ts')).login,
  },
  logout: {
    summary: 'forget that key, and end it',
    load: async () => (await import('./logout.ts')).logout,
  },
  status: {
    summary: 'which server, as whom, in which organization',
    load: async () => (await import('./status.ts')).status,
  },
  doctor: {
    summary: 'look at everything between here and the server, and say what to do',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  profiles: {
    summary: 'saved servers: list, use, delete',
    load: async () => (await import('./profiles.ts')).profiles,
  },
  keys: {
    summary: 'API keys: list, make, end them',
    load: async () => (await import('./keys.ts')).keys,
  },
  orgs: {
    summary: 'organizations: choose one, members, invitations',
    load: async () => (await import('./orgs.ts')).orgs,
  },
  completion: {
    summary: 'let your shell complete commands and ids',
    load: async () => (await import('./completion.ts')).completion,
  },
}
