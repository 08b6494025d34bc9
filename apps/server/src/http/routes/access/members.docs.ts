import type { DocsTable } from '../../core/docs.ts'

const ids = "'org_01933b5a000070008000000000000001', '01933b5a-0000-7000-8000-000000000001'"

export const memberDocs = {
  list_members: {
    tag: 'Organizations',
    summary: 'List members',
    description: 'Returns the members of an organization with their roles, oldest first.',
    sample:
      "const members = await outlast.organizations.listMembers('org_01933b5a000070008000000000000001')",
  },
  update_member: {
    tag: 'Organizations',
    summary: 'Change the role of a member',
    description:
      'Gives a member another role, effective within a second on every node. Only owners make or change owners, and the last owner keeps the role.',
    errors: ['forbidden', 'last_owner'],
    request: { role: 'viewer' },
    sample: `const member = await outlast.organizations.updateMember(${ids}, { role: 'viewer' })`,
  },
  delete_member: {
    tag: 'Organizations',
    summary: 'Remove a member',
    description:
      "Removes a member from an organization and revokes the member's API keys and session tokens in it. The account itself stays. Only owners remove owners, and the last owner cannot be removed.",
    errors: ['forbidden', 'last_owner'],
    sample: `await outlast.organizations.deleteMember(${ids})`,
  },
} as const satisfies DocsTable
