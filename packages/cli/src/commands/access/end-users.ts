import { defineCommand, type Noun } from '../../core/command.ts'
import { exitCodes } from '../../core/failure.ts'
import { saveStream } from '../../files/save.ts'
import { yesFlag } from '../../input/deletion.ts'
import { listFlags, take } from '../../input/list.ts'
import { confirmed } from '../../input/prompt.ts'
import { grantsOf, tokenFlags } from '../../input/token-flags.ts'
import { ago, moment } from '../../output/time.ts'

const token = defineCommand({
  summary: 'create a token for the sessions of a user only, for browsers',
  positionals: ['<user>'],
  flags: {
    agent: {
      type: 'string',
      short: 'a',
      multiple: true,
      value: 'AGENT',
      about: 'agent whose sessions it opens (all)',
    },
    ...tokenFlags,
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const agent_ids = flags.agent.length > 0 ? flags.agent : undefined
    const body = { user: words[0]!, agent_ids, ...grantsOf(flags) }
    const made = await outlast.tokens.create(body, { signal })
    if (out.mode === 'json') return out.json(made)
    await out.line(made.token)
    out.note(`Token ${made.id} has ${made.access} access until ${moment(made.expires_at)}.`)
  },
})

const tokens = defineCommand({
  summary: 'list the unexpired tokens of users',
  flags: {
    user: { type: 'string', value: 'USER', about: 'user' },
    ...listFlags,
  },
  async run({ outlast, out, signal }, { flags }) {
    const { user } = flags
    const rows = take((page) => outlast.tokens.list({ user, ...page }, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'USER', value: (row) => row.user, isFlexible: true },
        { title: 'ACCESS', value: ({ access }) => access },
        { title: 'EXPIRES', value: ({ expires_at }) => ago(expires_at), isExtra: true },
      ],
      { empty: 'No tokens.' },
    )
  },
})

const revokeToken = defineCommand({
  summary: 'revoke a token of a user',
  positionals: ['<token>'],
  flags: {},
  async run({ outlast, out, signal }, { words }) {
    const id = words[0]!
    await outlast.tokens.revoke(id, { signal })
    await out.done({ id, revoked: true }, `Revoked token ${id}.`)
  },
})

const exportUser = defineCommand({
  summary: 'export all data of a user as JSON Lines',
  positionals: ['<user>', '[file]'],
  async run(context, { words }) {
    const { outlast, signal } = context
    const [user, file] = words as [string, string?]
    await saveStream(context, outlast.endUsers.export({ user }, { signal }), file)
  },
})

const deleteUser = defineCommand({
  summary: 'delete all data of a user: sessions, files, values and tokens',
  positionals: ['<user>'],
  flags: yesFlag,
  async run({ outlast, out, io, signal }, { words, flags }) {
    const user = words[0]!
    const question = `Delete all sessions of the user ${user}?`
    if (!(await confirmed(io, question, flags.yes))) return exitCodes.failed
    const deleted = await outlast.endUsers.delete({ user }, { signal })
    const sentence = `Deleted ${deleted.sessions} sessions and ${deleted.tokens} tokens.`
    await out.done({ user, ...deleted }, sentence)
  },
})

/** Users of the product, by its own ids: they are no accounts here. */
export const endUsers: Noun = {
  token,
  tokens,
  'revoke-token': revokeToken,
  export: exportUser,
  delete: deleteUser,
}
