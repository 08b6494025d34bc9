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
import { type CallOptions, type Http, path } from './http.ts'
import { listOf } from './page.ts'

export function organizations(http: Http) {
  const { call } = http
  return {
    /** Those that the user belongs to. */
    list: (query?: PageQuery, options?: CallOptions) =>
      listOf<Organization>(http, '/v1/orgs', query, options),
    /** Makes one, whose owner the user is. For users only, not for keys. */
    create: (body: NewOrganization, options?: CallOptions) =>
      call<Organization>('POST', '/v1/orgs', { body }, options),
    /** `not_found` also for one that the user does not belong to. */
    get: (id: string, options?: CallOptions) =>
      call<Organization>('GET', path`/v1/orgs/${id}`, {}, options),
    /** Changes its name, or how long it keeps idle sessions. */
    update: (id: string, body: OrganizationChange, options?: CallOptions) =>
      call<Organization>('PATCH', path`/v1/orgs/${id}`, { body }, options),
    /**
     * Deletes it for good, with its sessions, agents, keys and members. For owners. `legal_hold`
     * while one of its sessions is held; `organization_protected` for the default one. Access ends
     * at once, all rows are deleted soon after.
     */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/orgs/${id}`, {}, options),
    /** All organizations of the server. For its operator. */
    listAll: (query?: PageQuery, options?: CallOptions) =>
      listOf<ServerOrganization>(http, '/v1/organizations', query, options),
    /** As `delete`, for any organization. For the operator of the server. */
    deleteAny: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/organizations/${id}`, {}, options),
    /** Who belongs to it, and as what. */
    listMembers: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<Member>(http, path`/v1/orgs/${id}/members`, query, options),
    /** Gives a member another role; `last_owner` if nobody else would be its owner. */
    updateMember: (id: string, userId: string, body: MemberChange, options?: CallOptions) =>
      call<Member>('PATCH', path`/v1/orgs/${id}/members/${userId}`, { body }, options),
    /** Takes a member out; `last_owner` as above. */
    deleteMember: (id: string, userId: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/orgs/${id}/members/${userId}`, {}, options),
    /** Those that nobody accepted yet. */
    listInvitations: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<Invitation>(http, path`/v1/orgs/${id}/invitations`, query, options),
    /** The answer holds the token for the one who is invited; it is shown this once. */
    createInvitation: (id: string, body: NewInvitation, options?: CallOptions) =>
      call<CreatedInvitation>('POST', path`/v1/orgs/${id}/invitations`, { body }, options),
    /** Its token is worth nothing from now on. */
    deleteInvitation: (id: string, invitationId: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/orgs/${id}/invitations/${invitationId}`, {}, options),
    /** Joins the organization whose invitation it is. */
    acceptInvitation: (body: AcceptInvitation, options?: CallOptions) =>
      call<Organization>('POST', '/v1/invitations/accept', { body }, options),
  }
}
