import type {
  McpServer,
  McpServerChange,
  McpServerTest,
  McpToolsReview,
  NewMcpServer,
  PageQuery,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'
import { listOf } from './page.ts'

export function mcpServers(http: Http) {
  const { call } = http
  return {
    /** MCP servers of the organization. What is secret in them is masked. */
    list: (query?: PageQuery, options?: CallOptions) =>
      listOf<McpServer>(http, '/v1/mcp-servers', query, options),
    /** Adds one; `mcp_server_exists` if the name is taken. Agents name it in `capabilities`. */
    create: (body: NewMcpServer, options?: CallOptions) =>
      call<McpServer>('POST', '/v1/mcp-servers', { body }, options),
    /** `not_found` if there is none of this id. */
    get: (id: string, options?: CallOptions) =>
      call<McpServer>('GET', path`/v1/mcp-servers/${id}`, {}, options),
    /** Changes what is given. */
    update: (id: string, body: McpServerChange, options?: CallOptions) =>
      call<McpServer>('PATCH', path`/v1/mcp-servers/${id}`, { body }, options),
    /** Agents that name it go on without its tools. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/mcp-servers/${id}`, {}, options),
    /** Lists its tools, or says what is wrong. */
    test: (id: string, options?: CallOptions) =>
      call<McpServerTest>('POST', path`/v1/mcp-servers/${id}/test`, {}, options),
    /** Confirms the tools of `tools_hash` from `get` or `test`; else `mcp_tools_changed`. */
    review: (id: string, body: McpToolsReview, options?: CallOptions) =>
      call<McpServer>('POST', path`/v1/mcp-servers/${id}/review`, { body }, options),
  }
}
