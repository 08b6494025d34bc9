import type { DocsTable } from '../../core/docs.ts'

const session = 'session_01933b5a000070008000000000000001'

export const shareDocs = {
  create_share: {
    tag: 'Session tokens',
    summary: 'Create a link to a session',
    description:
      'Creates a read-only link with which anyone can read one session, live, without an account. It shows messages, states of turns and names of tools, with `include: ["details"]` also arguments and results of tools and thinking. It never shows prompts, tool definitions, files, costs, feedback or other sessions. The link expires after `expires_in` seconds, and ends earlier if it is revoked, the session is deleted, or the key or the membership of its creator ends. The response is the only one that contains the token.',
    errors: ['encryption_not_configured', 'quota_exceeded'],
    sample: `const { path } = await outlast.sessions.createShare('${session}', { expires_in: 86_400 })`,
  },
  list_shares: {
    tag: 'Session tokens',
    summary: 'List the links to a session',
    description:
      'Returns the links to a session that have not expired, newest first, without their tokens.',
    sample: `const shares = await outlast.sessions.listShares('${session}')`,
  },
  delete_share: {
    tag: 'Session tokens',
    summary: 'Revoke a link to a session',
    description:
      'Revokes a link. Within a second no node accepts it, and open pages stop receiving events.',
    sample: `await outlast.sessions.revokeShare('${session}', 'share_01933b5a000070008000000000000001')`,
  },
} as const satisfies DocsTable
