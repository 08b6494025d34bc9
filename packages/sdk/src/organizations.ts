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
} from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'
import { listOf } from './page.ts'

export function organizations(http: Http) {
  const { call } = http
  return {
    list: (query?: PageQuery, options?: CallOptions) =>
      listOf<Organization>(http, '/v1/orgs', query, options),
    create: (body: NewOrganization, options?: CallOptions) =>
      call<Organization>('POST', '/v1/orgs', { body }, options),
    get: (id: string, options?: CallOptions) =>
      call<Organization>('GET', path`/v1/orgs/${id}`, {}, options),
    update: (id: string, body: OrganizationChange, options?: CallOptions) =>
      call<Organization>('PATCH', path`/v1/orgs/${id}`, { body }, options),
    listMembers: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<Member>(http, path`/v1/orgs/${id}/members`, query, options),
    updateMember: (id: string, userId: string, body: MemberChange, options?: CallOptions) =>
      call<Member>('PATCH', path`/v1/orgs/${id}/members/${userId}`, { body }, options),
    deleteMember: (id: string, userId: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/orgs/${id}/members/${userId}`, {}, options),
    listInvitations: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<Invitation>(http, path`/v1/orgs/${id}/invitations`, query, options),
    createInvitation: (id: string, body: NewInvitation, options?: CallOptions) =>
      call<CreatedInvitation>('POST', path`/v1/orgs/${id}/invitations`, { body }, options),
    deleteInvitation: (id: string, invitationId: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/orgs/${id}/invitations/${invitationId}`, {}, options),
    acceptInvitation: (body: AcceptInvitation, options?: CallOptions) =>
      call<Organization>('POST', '/v1/invitations/accept', { body }, options),
  }
}
