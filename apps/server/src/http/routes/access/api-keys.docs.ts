import type { DocsTable } from '../../core/docs.ts'

const id = '01933b5a-0000-7000-8000-000000000001'

export const apiKeyDocs = {
  list_api_keys: {
    tag: 'API keys',
    summary: 'List API keys',
    description:
      "Returns the caller's API keys, newest first; with `admin` access all keys of the organization. The keys themselves are not returned.",
    sample: 'const keys = await outlast.apiKeys.list()',
  },
  create_api_key: {
    tag: 'API keys',
    summary: 'Create an API key',
    description:
      'Creates an API key for the current organization. The response is the only one that contains the key. A user can grant at most the scopes of the own role. A key needs `admin` access to create keys; those have at most its scopes, expire with it, and end when it is revoked.',
    errors: ['authentication_off', 'forbidden', 'keys_nested_too_deep', 'quota_exceeded'],
    request: { name: 'Shop', scopes: ['write'], expires_in_days: 90 },
    sample:
      "const { key } = await outlast.apiKeys.create({\n  name: 'Shop',\n  scopes: ['write'],\n  expires_in_days: 90,\n})",
  },
  delete_api_key: {
    tag: 'API keys',
    summary: 'Revoke an API key',
    description:
      'Revokes an API key, the keys that it created and the session tokens of all of them. Within a second no node accepts them. Callers without `admin` access can revoke only their own keys.',
    errors: ['authentication_off', 'forbidden'],
    sample: `await outlast.apiKeys.delete('${id}')`,
  },
} as const satisfies DocsTable
