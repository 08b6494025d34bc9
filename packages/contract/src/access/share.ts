import { type Static, Type } from 'typebox'
import { SessionId, ShareId, Timestamp } from '../core/id.ts'
import { described, oneOf, optional, pageOf, ShownName } from '../core/shape.ts'
import { tokenMaker } from './session-token.ts'

/** 90 days. */
const shareSecondsMax = 7_776_000

const parts = Type.Array(oneOf('details'), {
  maxItems: 1,
  description:
    '`details`: also arguments and results of tools, and thinking. Empty: messages, states of turns and names of tools.',
})

export const NewShare = Type.Object(
  {
    name: optional(ShownName, 'Purpose of the link, for the list. Default: `Link`.'),
    expires_in: optional(
      Type.Integer({ minimum: 60, maximum: shareSecondsMax }),
      'Lifetime in seconds, from 60 to 7,776,000. Default: 604,800, which is 7 days.',
    ),
    include: optional(parts, 'Parts of the session beyond its messages. Default: none.'),
  },
  {
    title: 'CreateShareRequest',
    description: 'A link with which anyone can read a session.',
    examples: [{ name: 'For the design review', expires_in: 86_400, include: ['details'] }],
  },
)
export type NewShare = Static<typeof NewShare>

const fields = {
  id: described(ShareId, 'Id of the link, for revoking it.'),
  session_id: described(SessionId, 'The only session that the link shows.'),
  name: Type.String({ description: 'Purpose of the link.', examples: ['For the design review'] }),
  include: parts,
  expires_at: described(Timestamp, 'Time at which the link expires.'),
  created_at: described(Timestamp, 'Time at which the link was created.'),
}

const example = {
  id: 'share_01933b5a000070008000000000000001',
  session_id: 'session_01933b5a00007000800000000000a001',
  name: 'For the design review',
  include: ['details' as const],
  expires_at: '2026-11-26T09:30:00.000Z',
  created_at: '2026-11-25T09:30:00.000Z',
}

export const Share = Type.Object(
  {
    ...fields,
    token: Type.String({
      description: 'Token of the link, which reads the session. No other response contains it.',
    }),
    path: Type.String({
      description:
        'Path of the page on this server. The token is its fragment, which browsers send to no server.',
      examples: ['/shared/session_01933b5a00007000800000000000a001#eyJhbGciOi…'],
    }),
  },
  { title: 'Share', description: 'A new link to a session.' },
)
export type Share = Static<typeof Share>

export const ShareInfo = Type.Object(
  { ...fields, ...tokenMaker },
  {
    title: 'ShareInfo',
    description:
      'A valid link to a session, without its token. It ends with the session, the key or the membership of its creator.',
    examples: [{ ...example, user_id: '01933b5a-0000-7000-8000-000000000001', key_id: null }],
  },
)
export type ShareInfo = Static<typeof ShareInfo>
export const SharePage = pageOf(ShareInfo, 'SharePage')
