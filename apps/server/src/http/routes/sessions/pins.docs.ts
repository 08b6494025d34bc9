import type { DocsTable } from '../../core/docs.ts'

const session = 'session_01933b5a000070008000000000000001'

export const pinDocs = {
  pin_session: {
    tag: 'Sessions',
    summary: 'Pin a session',
    description:
      'Marks a session for the calling user: `is_pinned` is true, and `GET /v1/sessions?pinned=true` lists it. Other users do not see the pin. A repeat has no effect. An API key pins for the user that created it.',
    sample: `await outlast.sessions.pin('${session}')`,
  },
  unpin_session: {
    tag: 'Sessions',
    summary: 'Unpin a session',
    description: 'Removes the pin of the calling user. A repeat has no effect.',
    sample: `await outlast.sessions.unpin('${session}')`,
  },
} as const satisfies DocsTable
