import { defineCommand, type Noun } from '../command.ts'
import { listFlags, take } from '../list.ts'

export const agents: Noun = {
  list: defineCommand({
    summary: 'every agent that is not archived',
    flags: listFlags,
    async run({ outlast, out }, { flags }) {
      const rows = await take(outlast.agents.list(), flags, out)
      await out.list(
        rows,
        [
          { title: 'ID', value: ({ id }) => id },
          { title: 'NAME', value: ({ name }) => name, isFlexible: true },
          { title: 'STATUS', value: ({ status }) => status },
          {
            title: 'CAPABILITIES',
            value: ({ capabilities }) => capabilities?.map(({ ref }) => ref).join(', '),
            isFlexible: true,
          },
        ],
        { empty: 'There is no agent yet. `outlast agents create` makes one.' },
      )
    },
  }),
}
