import type { DocsTable } from '../../core/docs.ts'

const session = 'session_01933b5a000070008000000000000001'

export const sessionStorageDocs = {
  list_keys: {
    tag: 'Session storage',
    summary: 'List the values of a session',
    description:
      'Returns the texts that the tools of a session have stored by name, ordered by name: see the capability `session_storage`.',
    sample: `const values = await outlast.sessions.listValues('${session}')`,
  },
  list_secrets: {
    tag: 'Session storage',
    summary: 'List the names of the secrets of a session',
    description:
      'Returns the names of the secrets of a session and when they were stored, ordered by name. No operation returns a secret.',
    sample: `const secrets = await outlast.sessions.listSecrets('${session}')`,
  },
  batch_set_secrets: {
    tag: 'Session storage',
    summary: 'Store secrets of a session',
    description:
      'Stores secrets for the tools of a session, all or none, and replaces those with the same names. A secret that is stored here passes a model only if the model calls `get_secret`, unlike one that a user writes in a message. Secrets are encrypted with the master key of the server. The audit log has the names only. Exports contain no secret. A fork has the secrets only with `take_key` or by a retake.',
    errors: ['encryption_not_configured', 'value_too_large', 'storage_full', 'quota_exceeded'],
    sample: `await outlast.sessions.setSecrets('${session}', { secrets: { crm_token: 'the secret' } })`,
  },
} as const satisfies DocsTable
