import type { DocsTable } from '../../core/docs.ts'

const session = 'session_01933b5a000070008000000000000001'

export const sessionTokenDocs = {
  create_session_token: {
    tag: 'Session tokens',
    summary: 'Create a session token',
    description:
      'Creates a short-lived token for one session, for a browser of your customer: your server holds the API key, the page gets only the token. The token grants only the access that the request names: `read` access and the `chat` view by default. It expires after `expires_in` seconds (default 900, at most 86,400), and earlier if the key or sign-in that created it ends. The response is the only one that contains the token. A caller cannot grant more access than it has.',
    errors: ['encryption_not_configured', 'model_unavailable', 'quota_exceeded', 'forbidden'],
    sample: `const { token } = await outlast.sessions.createToken('${session}', {\n  access: 'write',\n  expires_in: 900,\n})`,
  },
  list_session_tokens: {
    tag: 'Session tokens',
    summary: 'List the tokens of a session',
    description:
      'Returns the tokens of a session that have not expired, newest first, without the tokens themselves. Callers with `read` access see only the tokens that they created.',
    sample: `const tokens = await outlast.sessions.listTokens('${session}')`,
  },
  delete_session_token: {
    tag: 'Session tokens',
    summary: 'Revoke a session token',
    description:
      'Revokes a session token. Within a second no node accepts it, and its open streams end. Callers with `read` access can revoke only the tokens that they created.',
    sample: `await outlast.sessions.revokeToken('${session}', 'token_01933b5a000070008000000000000001')`,
  },
} as const satisfies DocsTable
