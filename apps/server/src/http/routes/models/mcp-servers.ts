import {
  ErrorResponse,
  McpServer,
  McpServerChange,
  McpServerPage,
  McpServerTest,
  McpToolsReview,
  NewMcpServer,
  PageQuery,
} from '@outlast/contract'
import type { FastifyRequest } from 'fastify'
import { newId, parseId } from '../../../ids.ts'
import {
  countMcpServers,
  createMcpServer,
  deleteMcpServer,
  getMcpServer,
  listMcpServers,
  updateMcpServer,
} from '../../../store/models/mcp-servers.ts'
import { confirmTools } from '../../../store/models/mcp-tools.ts'
import type { Api } from '../../core/api.ts'
import { withoutQuery } from '../../core/audit-entry.ts'
import { sendList } from '../../core/list.ts'
import { checkServerName } from './mcp-servers/name.ts'
import { changeOf, rowOf } from './mcp-servers/sealed.ts'
import { tryServer } from './mcp-servers/try-server.ts'
import { createHostShares } from './provider-checks.ts'

type Params = { server_id: string }

const idIn = ({ server_id }: Params) => parseId('mcp_server', server_id)

export function mcpServerRoutes(api: Api): void {
  listRoutes(api)
  serverRoutes(api)
  testRoute(api)
  reviewRoute(api)
}

function listRoutes({ app, node }: Api): void {
  app.route<{ Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/mcp-servers',
    schema: {
      operationId: 'list_mcp_servers',
      querystring: PageQuery,
      response: { 200: McpServerPage, '4xx': ErrorResponse },
    },
    async handler({ query, principal: { orgId }, db }, reply) {
      return sendList(reply, query, {
        batches: (range) => listMcpServers(db, orgId, range),
        count: () => countMcpServers(db, orgId),
      })
    },
  })

  app.route<{ Body: NewMcpServer }>({
    method: 'POST',
    url: '/v1/mcp-servers',
    config: { access: 'admin' },
    schema: {
      operationId: 'create_mcp_server',
      body: NewMcpServer,
      response: { 201: McpServer, '4xx': ErrorResponse },
    },
    async handler({ body, principal, db }, reply) {
      const place = { orgId: principal.orgId, id: newId('mcp_server') }
      await checkServerName(db, place, body.name)
      return reply.code(201).send(await createMcpServer(db, place, rowOf(node, place, body)))
    },
  })
}

function serverRoutes({ app, node }: Api): void {
  app.route<{ Params: Params }>({
    method: 'GET',
    url: '/v1/mcp-servers/:server_id',
    schema: {
      operationId: 'get_mcp_server',
      response: { 200: McpServer, '4xx': ErrorResponse },
    },
    async handler({ params, principal, db }) {
      return getMcpServer(db, principal.orgId, idIn(params))
    },
  })

  app.route<{ Params: Params; Body: McpServerChange }>({
    method: 'PATCH',
    url: '/v1/mcp-servers/:server_id',
    config: { access: 'admin' },
    schema: {
      operationId: 'update_mcp_server',
      body: McpServerChange,
      response: { 200: McpServer, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { params, principal, body, db } = request
      const place = { orgId: principal.orgId, id: idIn(params) }
      const { name } = await getMcpServer(db, place.orgId, place.id)
      if (body.name != null && body.name !== name) await checkServerName(db, place, body.name)
      const { update, urls } = await changeOf({ ...node, db }, place, body)
      if (urls) {
        const details = { before: withoutQuery(urls.before), after: withoutQuery(urls.after) }
        request.auditNote = { target: place.id, details }
      }
      return updateMcpServer(db, place, update)
    },
  })

  app.route<{ Params: Params }>({
    method: 'DELETE',
    url: '/v1/mcp-servers/:server_id',
    config: { access: 'admin' },
    schema: {
      operationId: 'delete_mcp_server',
      response: { '4xx': ErrorResponse },
    },
    async handler({ params, principal, db }, reply) {
      await deleteMcpServer(db, principal.orgId, idIn(params))
      return reply.code(204).send()
    },
  })
}

/** Calls the server before the transaction begins, so that no transaction waits for it. */
function testRoute({ app, node }: Api): void {
  const shares = createHostShares()
  const results = new WeakMap<FastifyRequest, McpServerTest>()

  app.route<{ Params: Params }>({
    method: 'POST',
    url: '/v1/mcp-servers/:server_id/test',
    config: { access: 'admin', callsOut: true, bodyOptional: true },
    schema: {
      operationId: 'test_mcp_server',
      response: { 200: McpServerTest, '4xx': ErrorResponse },
    },
    async preHandler(request) {
      const { principal, params, db } = request
      const place = { orgId: principal.orgId, id: idIn(params) }
      const test = () => tryServer({ ...node, db }, place)
      results.set(request, await shares.run(place.orgId, test))
    },
    async handler(request) {
      const result = results.get(request)!
      request.auditNote = { target: request.params.server_id, details: { ok: result.ok } }
      return result
    },
  })
}

/** The hash names the list that the caller read: a newer list stays unconfirmed. */
function reviewRoute({ app }: Api): void {
  app.route<{ Params: Params; Body: McpToolsReview }>({
    method: 'POST',
    url: '/v1/mcp-servers/:server_id/review',
    config: { access: 'admin' },
    schema: {
      operationId: 'review_mcp_server',
      body: McpToolsReview,
      response: { 200: McpServer, '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId }, body, db }) {
      const id = idIn(params)
      await getMcpServer(db, orgId, id)
      await confirmTools(db, { orgId, id, hash: body.tools_hash })
      return getMcpServer(db, orgId, id)
    },
  })
}
