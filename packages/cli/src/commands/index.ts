import type { Noun } from '../command.ts'

/** What stands in the help before anything is loaded. */
export type Entry = { summary: string; load: () => Promise<Noun> }

/** Every noun, in the order of the help. Each is loaded when it is used, so that a start is quick. */
export const nouns: Record<string, Entry> = {
  agents: {
    summary: 'who works: make, show, change, import and export agents',
    load: async () => (await import('./agents.ts')).agents,
  },
  sessions: {
    summary: 'conversations: start, show, fork, export, cancel',
    load: async () => (await import('./sessions.ts')).sessions,
  },
  doctor: {
    summary: 'look at everything between here and the server, and say what to do',
    load: async () => (await import('./doctor.ts')).doctor,
  },
}
