import type {
  McpServer,
  McpServerChange,
  McpServerTest,
  NewMcpServer,
  PageQuery,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'
import { listOf } from './page.ts'

export function mcpServers(http: Http) {
  const { call } = http
  return {
    list: (query?: PageQuery, options?: CallOptions) =>
      listOf<McpServer>(http, '/v1/mcp-servers', query, options),
    create: (body: NewMcpServer, options?: CallOptions) =>
      call<McpServer>('POST', '/v1/mcp-servers', { body }, options),
    get: (id: string, options?: CallOptions) =>
      call<McpServer>('GET', path`/v1/mcp-servers/${id}`, {}, options),
    update: (id: string, body: McpServerChange, options?: CallOptions) =>
      call<McpServer>('PATCH', path`/v1/mcp-servers/${id}`, { body }, options),
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/mcp-servers/${id}`, {}, options),
    /** Lists its tools, or says what is wrong. */
    test: (id: string, options?: CallOptions) =>
      call<McpServerTest>('POST', path`/v1/mcp-servers/${id}/test`, {}, options),
  }
}
