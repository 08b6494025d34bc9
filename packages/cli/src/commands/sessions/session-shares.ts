import { defineCommand } from '../../core/command.ts'
import { findResource, type Kind, prefixed } from '../../core/resources.ts'
import { countIfGiven, listFlags, take } from '../../input/list.ts'
import { ago, moment } from '../../output/time.ts'

const share = defineCommand({
  summary: 'create a link with which anyone can read a session',
  positionals: ['<session>'],
  flags: {
    name: { type: 'string', value: 'TEXT', about: 'purpose of the link' },
    'expires-in': { type: 'string', value: 'SECONDS', about: 'lifetime in seconds (7 days)' },
    details: { type: 'boolean', about: 'also show arguments and results of tools, and thinking' },
  },
  async run({ outlast, out, signal, url }, { words, flags }) {
    const body = {
      name: flags.name,
      expires_in: countIfGiven(flags['expires-in'], '--expires-in'),
      ...(flags.details && { include: ['details' as const] }),
    }
    const made = await outlast.sessions.createShare(words[0]!, body, { signal })
    const link = url.replace(/\/$/, '') + made.path
    if (out.mode === 'json') return out.json({ ...made, url: link })
    await out.line(link)
    out.note(`Anyone with the link can read the session until ${moment(made.expires_at)}.`)
  },
})

const shares = defineCommand({
  summary: 'list the links to a session',
  positionals: ['<session>'],
  flags: listFlags,
  async run({ outlast, out, signal }, { words, flags }) {
    const list = (page: object) => outlast.sessions.listShares(words[0]!, page, { signal })
    await out.list(
      take(list, flags),
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'NAME', value: ({ name }) => name, isFlexible: true },
        { title: 'INCLUDES', value: ({ include }) => include.join(', ') },
        { title: 'EXPIRES', value: ({ expires_at }) => ago(expires_at), isExtra: true },
      ],
      { empty: 'No links.' },
    )
  },
})

const kind = (session: string): Kind => ({
  noun: 'link',
  listing: `outlast sessions shares ${session}`,
  isId: prefixed('share'),
  namesOf: () => [],
  list: ({ sessions }, page, options) => sessions.listShares(session, page, options),
})

const revokeShare = defineCommand({
  summary: 'revoke a link to a session',
  positionals: ['<session>', '<share>'],
  flags: {},
  async run({ outlast, out, signal }, { words }) {
    const [session, text] = words as [string, string]
    const { id } = await findResource(kind(session), text, { outlast, signal })
    await outlast.sessions.revokeShare(session, id, { signal })
    await out.done({ id, revoked: true }, `Revoked link ${id}.`)
  },
})

export const shareVerbs = { share, shares, 'revoke-share': revokeShare }
