import { queryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { invitationKeys, memberKeys, organizationKeys } from './keys.ts'

/** Organizations that the user belongs to. */
export const organizationsQuery = queryOptions({
  queryKey: organizationKeys.lists,
  queryFn: async ({ signal }) => (await outlast.organizations.list({}, { signal })).data,
})

export const membersQuery = (orgId: string) =>
  queryOptions({
    queryKey: [...memberKeys.lists, orgId],
    queryFn: async ({ signal }) =>
      (await outlast.organizations.listMembers(orgId, {}, { signal })).data,
  })

export const invitationsQuery = (orgId: string) =>
  queryOptions({
    queryKey: [...invitationKeys.lists, orgId],
    queryFn: async ({ signal }) =>
      (await outlast.organizations.listInvitations(orgId, {}, { signal })).data,
  })
