import {
  ErrorResponse,
  Harness,
  HarnessExamples,
  HarnessPage,
  HarnessQuery,
  harnessId,
} from '@outlast/contract'
import { ApiError } from '../../../errors.ts'
import type { Api } from '../../core/api.ts'
import { listed, rangeOf } from '../../core/page.ts'

const since = '2026-01-01T00:00:00.000Z'

const base: Harness = {
  id: harnessId,
  name: 'base',
  display_name: 'Base',
  description: 'The built-in harness. It adds nothing to an agent.',
  status: 'active',
  is_built_in: true,
  capabilities: [],
  tags: [],
  created_at: since,
  updated_at: since,
}

/** What a client may call the built-in harness. */
const names = new Set([base.id, base.name, 'default', 'generic'])

const contains = (search: string) =>
  [base.name, base.display_name, base.description].some((text) =>
    text.toLowerCase().includes(search.toLowerCase()),
  )

/** The one harness, for published clients that read harnesses. */
export function harnessRoutes(api: Api): void {
  readRoutes(api)
  refusedRoutes(api)
}

function readRoutes({ app }: Api): void {
  app.route<{ Querystring: HarnessQuery }>({
    method: 'GET',
    url: '/v1/harnesses',
    schema: {
      operationId: 'list_harnesses',
      querystring: HarnessQuery,
      response: { 200: HarnessPage, '4xx': ErrorResponse },
    },
    async handler({ query }) {
      const found = query.search === undefined || contains(query.search) ? [base] : []
      const { offset, limit } = rangeOf(query)
      const data = found.slice(offset, offset + limit)
      const shown = query.limit === undefined ? 1 : limit
      return listed({ data, total: found.length }, { offset, limit: shown })
    },
  })

  app.route<{ Params: { harness_id: string } }>({
    method: 'GET',
    url: '/v1/harnesses/:harness_id',
    schema: {
      operationId: 'get_harness',
      response: { 200: Harness, '4xx': ErrorResponse },
    },
    async handler({ params }) {
      if (!names.has(params.harness_id)) throw new ApiError('not_found', 'Harness')
      return base
    },
  })

  app.route({
    method: 'GET',
    url: '/v1/harness-examples',
    schema: {
      operationId: 'list_harness_examples',
      response: { 200: HarnessExamples, '4xx': ErrorResponse },
    },
    handler: async (): Promise<HarnessExamples> => [],
  })
}

/** Writes of published clients get a reason. They are not in the document. */
function refusedRoutes({ app }: Api): void {
  const refused = [
    { method: 'POST', url: '/v1/harnesses' },
    { method: 'PATCH', url: '/v1/harnesses/:harness_id' },
    { method: 'DELETE', url: '/v1/harnesses/:harness_id' },
  ] as const
  for (const { method, url } of refused) {
    app.route({
      method,
      url,
      config: { unaudited: true },
      schema: { operationId: `${method.toLowerCase()}_harness`, hide: true },
      async handler() {
        throw new ApiError('harness_built_in')
      },
    })
  }
}
