import { defineCommand, type Given, type Noun } from '../../core/command.ts'
import type { Flags } from '../../core/flags.ts'
import { saveStream } from '../../files/save.ts'
import { given } from '../../input/change.ts'
import { listFlags, take } from '../../input/list.ts'
import { ago } from '../../output/time.ts'

const filters = {
  action: { type: 'string', value: 'ACTION', about: 'operation, as in delete_agent' },
  actor: { type: 'string', value: 'ID', about: 'id of the user or key' },
  target: { type: 'string', value: 'ID', about: 'id of the changed resource' },
  since: { type: 'string', value: 'TIME', about: 'earliest time, as in 2026-01-31T00:00:00Z' },
  until: { type: 'string', value: 'TIME', about: 'latest time' },
} as const satisfies Flags

const queryOf = ({ action, actor, target, since, until }: Given<typeof filters>) =>
  given({ action, actor_id: actor, target, since, until })

const list = defineCommand({
  summary: 'list audit events, the newest first',
  flags: { ...listFlags, ...filters },
  async run({ outlast, out, signal }, { flags }) {
    const query = queryOf(flags)
    const rows = take((page) => outlast.audit.list({ ...query, ...page }, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'WHEN', value: ({ created_at }) => ago(created_at) },
        {
          title: 'ACTOR',
          value: (row) => row.actor_name ?? row.actor_id ?? row.actor_type,
          isFlexible: true,
        },
        { title: 'ACTION', value: ({ action }) => action, isFlexible: true },
        { title: 'TARGET', value: ({ target }) => target },
        { title: 'REASON', value: ({ reason }) => reason ?? '', isFlexible: true },
        { title: 'FROM', value: ({ address }) => address, isExtra: true },
      ],
      { empty: 'No audit events match.' },
    )
  },
})

const exportAudit = defineCommand({
  summary: 'export audit events as JSON lines',
  flags: {
    output: { type: 'string', short: 'o', value: 'FILE', about: 'output file (stdout)' },
    ...filters,
  },
  async run(context, { flags }) {
    const { outlast, signal } = context
    const parts = await outlast.audit.export(queryOf(flags), { signal })
    await saveStream(context, parts, flags.output)
  },
})

export const audit: Noun = { list, export: exportAudit }
