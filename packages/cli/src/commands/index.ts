import type { Noun } from '../command.ts'

/** What stands in the help before anything is loaded. */
export type Entry = { summary: string; load: () => Promise<Noun> }

/** Every noun, in the order of the help. Each is loaded when it is used, so that a start is quick. */
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
  events: {
    summary: 'what happened in a session, and what happens',
    load: async () => (await import('./events.ts')).events,
  },
  files: {
    summary: 'files of a session: list, read, send, fetch, search',
    load: async () => (await import('./files.ts')).files,
  },
}
