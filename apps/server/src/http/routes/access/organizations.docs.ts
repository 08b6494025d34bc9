import type { DocsTable } from '../../core/docs.ts'

const organization = 'org_01933b5a000070008000000000000001'

export const organizationDocs = {
  list_organizations: {
    tag: 'Organizations',
    summary: 'List my organizations',
    description:
      "Returns the organizations of the signed-in user with the user's role in each. An API key gets its own organization only.",
    sample: 'const organizations = await outlast.organizations.list()',
  },
  create_organization: {
    tag: 'Organizations',
    summary: 'Create an organization',
    description:
      'Creates an organization with starter agents and a simulated model, and makes the caller its owner. A user owns at most `ORGANIZATIONS_PER_USER` organizations. API keys cannot create organizations.',
    errors: ['users_only', 'registration_disabled', 'quota_exceeded'],
    request: { name: 'Tidewater' },
    sample: "const organization = await outlast.organizations.create({ name: 'Tidewater' })",
  },
  get_organization: {
    tag: 'Organizations',
    summary: 'Get an organization',
    description: 'Returns an organization with the role of the caller.',
    sample: `const organization = await outlast.organizations.get('${organization}')`,
  },
  update_organization: {
    tag: 'Organizations',
    summary: 'Update an organization',
    description:
      'Renames an organization or changes its `retention_days`; null inherits the value of the server. Idle sessions that are older are deleted within about 10 minutes.',
    errors: ['retention_too_short'],
    request: { retention_days: 90 },
    sample: `const organization = await outlast.organizations.update('${organization}', {\n  retention_days: 90,\n})`,
  },
  delete_organization: {
    tag: 'Organizations',
    summary: 'Delete an organization',
    description:
      'Deletes an organization with all of its sessions, agents, keys and members. Only an owner may. The organization becomes unreachable at once, and its rows are deleted in the background. The deletion cannot be undone, and a session under a legal hold prevents it.',
    errors: ['organization_protected', 'legal_hold'],
    sample: `await outlast.organizations.delete('${organization}')`,
  },
  list_all_organizations: {
    tag: 'Organizations',
    summary: 'List all organizations of the server',
    description:
      'Returns every organization of the server, oldest first. The operator need not be a member of them.',
    sample: 'const organizations = await outlast.organizations.listAll()',
  },
  delete_any_organization: {
    tag: 'Organizations',
    summary: 'Delete any organization',
    description:
      'Deletes any organization of the server with all of its resources, as `DELETE /v1/orgs/{org_id}` does for its owner. The default organization cannot be deleted.',
    errors: ['organization_protected', 'legal_hold'],
    sample: `await outlast.organizations.deleteAny('${organization}')`,
  },
} as const satisfies DocsTable
