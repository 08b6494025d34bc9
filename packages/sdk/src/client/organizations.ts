import type {
  AcceptInvitation,
  CreatedInvitation,
  Invitation,
  Member,
  MemberChange,
  NewInvitation,
  NewOrganization,
  Organization,
  OrganizationChange,
  PageQuery,
  ServerOrganization,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'

export function organizations(http: Http) {
  const { call } = http
  return {
    /** Lists the organizations of the caller. */
    list: (query?: PageQuery, options?: CallOptions) =>
      listOf<Organization>(http, '/v1/orgs', query, options),
    /** Creates an organization owned by the signed-in user. `users_only` for keys. */
    create: (body: NewOrganization, options?: CallOptions) =>
      call<Organization>('POST', '/v1/orgs', { body }, options),
    /** Returns an organization. `not_found` if the caller is not a member. */
    get: (id: string, options?: CallOptions) =>
      call<Organization>('GET', path`/v1/orgs/${id}`, {}, options),
    /** Changes the name or the retention. */
    update: (id: string, body: OrganizationChange, options?: CallOptions) =>
      call<Organization>('PATCH', path`/v1/orgs/${id}`, { body }, options),
    /**
     * Deletes an organization with its sessions, agents, keys and members. Requires an owner.
     * `legal_hold` while a session is held; `organization_protected` for the default one. Access
     * ends at once; the rows are deleted in the background.
     */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/orgs/${id}`, {}, options),
    /** Lists all organizations of the server. Requires the operator. */
    listAll: (query?: PageQuery, options?: CallOptions) =>
      listOf<ServerOrganization>(http, '/v1/organizations', query, options),
    /** Deletes any organization, like `delete`. Requires the operator. */
    deleteAny: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/organizations/${id}`, {}, options),
    /** Lists the members and their roles. */
    listMembers: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<Member>(http, path`/v1/orgs/${id}/members`, query, options),
    /** Changes the role of a member. `last_owner` for the only owner. */
    updateMember: (id: string, userId: string, body: MemberChange, options?: CallOptions) =>
      call<Member>('PATCH', path`/v1/orgs/${id}/members/${userId}`, { body }, options),
    /** Removes a member. `last_owner` for the only owner. */
    deleteMember: (id: string, userId: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/orgs/${id}/members/${userId}`, {}, options),
    /** Lists the invitations that are not accepted yet. */
    listInvitations: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<Invitation>(http, path`/v1/orgs/${id}/invitations`, query, options),
    /** Creates an invitation. Only this response contains its token. */
    createInvitation: (id: string, body: NewInvitation, options?: CallOptions) =>
      call<CreatedInvitation>(
        'POST',
        path`/v1/orgs/${id}/invitations`,
        { body, hasSecret: true },
        options,
      ),
    /** Revokes an invitation. */
    deleteInvitation: (id: string, invitationId: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/orgs/${id}/invitations/${invitationId}`, {}, options),
    /** Joins the organization of an invitation. */
    acceptInvitation: (body: AcceptInvitation, options?: CallOptions) =>
      call<Organization>('POST', '/v1/invitations/accept', { body }, options),
  }
}
