import type { DocsTable } from '../../core/docs.ts'

const id = '01933b5a-0000-7000-8000-000000000001'

export const accountDocs = {
  list_accounts: {
    tag: 'Accounts',
    summary: 'List accounts',
    description:
      'Returns the accounts of all organizations, newest first. `search` matches a part of the name or the email address.',
    sample: "const accounts = await outlast.accounts.list({ search: 'ada' })",
  },
  update_account: {
    tag: 'Accounts',
    summary: 'Disable or enable an account',
    description:
      'Disables an account: all of its sign-ins, API keys, session tokens and links end, and new sign-ins are refused. Enabling allows sign-ins again but restores none of them. The own account and that of `AUTH_ADMIN_EMAIL` cannot be disabled.',
    errors: ['authentication_off', 'forbidden', 'account_protected'],
    request: { disabled: true },
    sample: `const account = await outlast.accounts.update('${id}', { disabled: true })`,
  },
  delete_account: {
    tag: 'Accounts',
    summary: 'Delete an account',
    description:
      'Deletes an account with its memberships, sign-ins, API keys and session tokens, and frees its email address. Resources of the user stay with the organizations. The last owner of an organization with other members cannot be deleted. The deletion cannot be undone.',
    errors: ['authentication_off', 'forbidden', 'account_protected', 'last_owner'],
    sample: `await outlast.accounts.delete('${id}')`,
  },
  delete_account_logins: {
    tag: 'Accounts',
    summary: 'End the sign-ins of an account',
    description:
      'Ends all sign-ins of an account and the session tokens that they created, on every node within a second. API keys stay, and the user can sign in again.',
    errors: ['authentication_off', 'forbidden'],
    sample: `await outlast.accounts.endLogins('${id}')`,
  },
} as const satisfies DocsTable
