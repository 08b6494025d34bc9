import type { DocsTable } from '../../core/docs.ts'

const organization = 'org_01933b5a000070008000000000000001'

export const userDocs = {
  list_users: {
    tag: 'Users',
    summary: 'List users',
    description:
      'Returns the users of the current organization, newest first, with their roles in it. `search` matches a part of the name or the email address.',
    sample: "const users = await outlast.users.list({ search: 'ada' })",
  },
  switch_organization: {
    tag: 'Users',
    summary: 'Switch the organization',
    description:
      'Sets a cookie that chooses the organization for the next requests of this browser. Other clients send the header `X-Org-Id` instead.',
    errors: ['authentication_off', 'users_only'],
    sample: `const organization = await outlast.users.switchOrganization({\n  org_id: '${organization}',\n})`,
  },
} as const satisfies DocsTable
