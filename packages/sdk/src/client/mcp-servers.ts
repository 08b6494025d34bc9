import type {
  McpServer,
  McpServerChange,
  McpServerTest,
  McpToolsReview,
  NewMcpServer,
  PageQuery,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'

export function mcpServers(http: Http) {
  const { call } = http
  return {
    /** Lists the MCP servers of the organization. Secrets are masked. */
    list: (query?: PageQuery, options?: CallOptions) =>
      listOf<McpServer>(http, '/v1/mcp-servers', query, options),
    /** Adds a server, which agents name in `capabilities`. `mcp_server_exists` for its name. */
    create: (body: NewMcpServer, options?: CallOptions) =>
      call<McpServer>('POST', '/v1/mcp-servers', { body }, options),
    /** Returns a server. `not_found` for an unknown id. */
    get: (id: string, options?: CallOptions) =>
      call<McpServer>('GET', path`/v1/mcp-servers/${id}`, {}, options),
    /** Changes the given properties. */
    update: (id: string, body: McpServerChange, options?: CallOptions) =>
      call<McpServer>('PATCH', path`/v1/mcp-servers/${id}`, { body }, options),
    /** Deletes a server. Agents that name it continue without its tools. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/mcp-servers/${id}`, {}, options),
    /** Lists the tools of the server, or explains the failure. */
    test: (id: string, options?: CallOptions) =>
      call<McpServerTest>('POST', path`/v1/mcp-servers/${id}/test`, {}, options),
    /** Confirms the list with this `tools_hash`. `mcp_tools_changed` if there is another. */
    review: (id: string, body: McpToolsReview, options?: CallOptions) =>
      call<McpServer>('POST', path`/v1/mcp-servers/${id}/review`, { body }, options),
  }
}
