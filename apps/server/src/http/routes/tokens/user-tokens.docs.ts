import type { DocsTable } from '../../core/docs.ts'

const user = 'customer-4711'

export const userTokenDocs = {
  create_token: {
    tag: 'End users',
    summary: 'Create a token of an end user',
    description:
      'Creates a short-lived token for a browser of your customer: your server holds the API key, the page gets only the token. The token creates, lists and opens sessions whose `user` is this one, and no others: those get 404. It grants only the access that the request names: `read` access and the `chat` view by default, and no choice of a model, no tool results and no files. With `write` access it also creates sessions. It expires after `expires_in` seconds (default 900, at most 86,400), and earlier if the key or sign-in that created it ends. The response is the only one that contains the token. A caller cannot grant more access than it has.',
    errors: ['encryption_not_configured', 'model_unavailable', 'quota_exceeded', 'forbidden'],
    sample: `const { token } = await outlast.tokens.create({\n  user: '${user}',\n  access: 'write',\n  expires_in: 900,\n})`,
  },
  list_tokens: {
    tag: 'End users',
    summary: 'List tokens of end users',
    description:
      'Returns the tokens of end users that have not expired, newest first, without the tokens themselves. Callers with `read` access see only the tokens that they created.',
    sample: `const tokens = await outlast.tokens.list({ user: '${user}' })`,
  },
  delete_token: {
    tag: 'End users',
    summary: 'Revoke a token of an end user',
    description:
      'Revokes a token. Within a second no node accepts it, and its open streams end. Callers with `read` access can revoke only the tokens that they created.',
    sample: `await outlast.tokens.revoke('token_01933b5a000070008000000000000002')`,
  },
} as const satisfies DocsTable
