import type { DocsTable } from '../../core/docs.ts'

const organization = 'org_01933b5a000070008000000000000001'

export const invitationDocs = {
  list_invitations: {
    tag: 'Organizations',
    summary: 'List open invitations',
    description:
      'Returns the invitations that were neither accepted nor withdrawn, newest first, without their tokens.',
    sample: `const invitations = await outlast.organizations.listInvitations('${organization}')`,
  },
  create_invitation: {
    tag: 'Organizations',
    summary: 'Invite a person',
    description:
      'Creates an invitation for an email address and returns its token, once. The server sends no email: pass the token on yourself. It works for this address only and expires after `expires_in_days` (default 7). Only owners invite owners.',
    errors: ['authentication_off', 'forbidden', 'quota_exceeded'],
    request: { email: 'bea@example.com', role: 'member' },
    sample: `const { token } = await outlast.organizations.createInvitation('${organization}', {\n  email: 'bea@example.com',\n})`,
  },
  delete_invitation: {
    tag: 'Organizations',
    summary: 'Withdraw an invitation',
    description: 'Withdraws an invitation: its token no longer works.',
    sample: `await outlast.organizations.deleteInvitation(\n  '${organization}',\n  'invitation_01933b5a000070008000000000000001',\n)`,
  },
  accept_invitation: {
    tag: 'Organizations',
    summary: 'Accept an invitation',
    description:
      'Adds the signed-in user to the organization that invited the email address of the user. A person without an account sends the token to `POST /v1/auth/register` instead.',
    errors: ['authentication_off', 'users_only', 'not_found'],
    request: { token: 'invite_…' },
    sample:
      "const organization = await outlast.organizations.acceptInvitation({ token: 'invite_…' })",
  },
} as const satisfies DocsTable
