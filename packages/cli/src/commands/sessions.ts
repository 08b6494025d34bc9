import { defineCommand, type Noun } from '../command.ts'
import { listFlags, take } from '../list.ts'

export const sessions: Noun = {
  list: defineCommand({
    summary: 'sessions, the newest first',
    flags: {
      ...listFlags,
      agent: { type: 'string', short: 'a', value: 'ID', about: 'of this agent' },
    },
    async run({ outlast, out }, { flags }) {
      const rows = await take(outlast.sessions.list({ agent_id: flags.agent }), flags, out)
      await out.list(
        rows,
        [
          { title: 'ID', value: ({ id }) => id },
          { title: 'TITLE', value: ({ title, preview }) => title ?? preview, isFlexible: true },
          { title: 'STATUS', value: ({ status }) => status },
          { title: 'CREATED', value: ({ created_at }) => created_at.slice(0, 19) },
        ],
        { empty: 'There is no session yet. `outlast chat` starts one.' },
      )
    },
  }),
}
