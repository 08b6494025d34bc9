import { infiniteQueryOptions } from '@tanstack/react-query'
import { outlast } from '../client.ts'
import { type AuditFilters, queryOf } from '../settings/audit-query.ts'

const pageSize = 100

/** The audit log by pages. */
export const auditQuery = (filters: AuditFilters) =>
  infiniteQueryOptions({
    queryKey: ['audit', filters],
    queryFn: async ({ pageParam: offset, signal }) =>
      await outlast.audit.list({ ...queryOf(filters), offset, limit: pageSize }, { signal }),
    initialPageParam: 0,
    getNextPageParam: ({ data, offset }) =>
      data.length < pageSize ? undefined : offset + data.length,
  })
