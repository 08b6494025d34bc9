import { CapabilityInfo, CapabilityPage, ErrorResponse, PageQuery } from '@outlast/contract'
import { describeCapability } from '../capabilities/catalog.ts'
import { ApiError } from '../errors.ts'
import type { Api } from './api.ts'
import { listed, rangeOf } from './page.ts'

const tags = ['capabilities']

export function capabilityRoutes({ app, node }: Api): void {
  const all = node.capabilities
    .map(describeCapability)
    .sort((one, other) => (one.id < other.id ? -1 : 1))

  app.route<{ Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/capabilities',
    schema: {
      operationId: 'list_capabilities',
      summary: 'List what agents and sessions can be given, by id.',
      tags,
      querystring: PageQuery,
      response: { 200: CapabilityPage, '4xx': ErrorResponse },
    },
    async handler({ query }) {
      const { offset, limit } = rangeOf(query)
      const end = query.limit === undefined ? all.length : offset + limit
      const data = all.slice(offset, end)
      const shown = query.limit === undefined ? Math.max(data.length, 1) : limit
      return listed({ data, total: all.length }, { offset, limit: shown })
    },
  })

  app.route<{ Params: { capability_id: string } }>({
    method: 'GET',
    url: '/v1/capabilities/:capability_id',
    schema: {
      operationId: 'get_capability',
      summary: 'Get a capability with its tools and the schema of its config.',
      tags,
      response: { 200: CapabilityInfo, '4xx': ErrorResponse },
    },
    async handler({ params }) {
      const found = all.find(({ id }) => id === params.capability_id)
      if (!found) throw new ApiError('not_found', 'Capability')
      return found
    },
  })
}
