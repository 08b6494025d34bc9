import { CapabilityInfo, CapabilityPage, CapabilityQuery, ErrorResponse } from '@outlast/contract'
import { compareListed, describeCapability } from '../../../capabilities/catalog/catalog.ts'
import { serverIdOf } from '../../../capabilities/mcp/ref.ts'
import { describeServers } from '../../../capabilities/mcp.ts'
import { ApiError } from '../../../errors.ts'
import { findMcpServers, listActiveMcpServers } from '../../../store/models/mcp-servers.ts'
import type { Api } from '../../core/api.ts'
import { listed, rangeOf } from '../../core/page.ts'

const contains = ({ id, name, description }: CapabilityInfo, search: string) =>
  [id, name, description].some((text) => text.toLowerCase().includes(search.toLowerCase()))

export function capabilityRoutes({ app, node }: Api): void {
  const own = node.capabilities.map(describeCapability)

  app.route<{ Querystring: CapabilityQuery }>({
    method: 'GET',
    url: '/v1/capabilities',
    schema: {
      operationId: 'list_capabilities',
      querystring: CapabilityQuery,
      response: { 200: CapabilityPage, '4xx': ErrorResponse },
    },
    async handler({ query, principal: { orgId }, db }) {
      const servers = describeServers(await listActiveMcpServers(db, orgId), node)
      const all = [...own, ...servers.map(describeCapability)]
        .filter((one) => query.search === undefined || contains(one, query.search))
        .sort(compareListed)
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
      response: { 200: CapabilityInfo, '4xx': ErrorResponse },
    },
    async handler({ params: { capability_id: ref }, principal: { orgId }, db }) {
      const id = serverIdOf(ref)
      const servers = id === undefined ? [] : await findMcpServers(db, orgId, [id])
      const active = servers.filter(({ status }) => status === 'active')
      const [server] = describeServers(active, node).map(describeCapability)
      const found = server ?? own.find((one) => one.id === ref)
      if (!found) throw new ApiError('not_found', 'Capability')
      return found
    },
  })
}
