import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { allOf } from './all-items.ts'
import { invitationKeys, memberKeys, organizationKeys } from './keys.ts'

/** Organizations that the user belongs to. */
export const organizationsQuery = queryOptions({
  queryKey: organizationKeys.lists,
  queryFn: ({ signal }) => allOf(outlast.organizations.list({}, { signal })),
})

export const membersQuery = (orgId: string) =>
  queryOptions({
    queryKey: [...memberKeys.lists, orgId],
    queryFn: ({ signal }) => allOf(outlast.organizations.listMembers(orgId, {}, { signal })),
  })

export const invitationsQuery = (orgId: string) =>
  queryOptions({
    queryKey: [...invitationKeys.lists, orgId],
    queryFn: ({ signal }) => allOf(outlast.organizations.listInvitations(orgId, {}, { signal })),
  })
