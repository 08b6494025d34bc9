import type { McpServerTest } from '@outlast/contract'
import { describeTool } from '../../../../capabilities/catalog/catalog.ts'
import { McpFailure } from '../../../../capabilities/mcp/failure.ts'
import { problemOf } from '../../../../capabilities/mcp/listings.ts'
import { describeServers } from '../../../../capabilities/mcp.ts'
import { ApiError } from '../../../../errors.ts'
import type { Node } from '../../../../runtime/node.ts'
import type { Db } from '../../../../store/database.ts'
import { findMcpServers, type McpServerRow } from '../../../../store/models/mcp-servers.ts'
import { listHashOf } from '../../../../store/models/mcp-tools.ts'

type Trying = Pick<Node, 'capabilities' | 'mcp'> & { db: Db }
type TriedServer = { orgId: string; id: string }

/**
 * Lists a server's tools, also if disabled. Contract: throws 404 and errors of the database; the
 * result has those of the server.
 */
export async function tryServer(node: Trying, { orgId, id }: TriedServer): Promise<McpServerTest> {
  const [server] = await findMcpServers(node.db, orgId, [id])
  if (!server) throw new ApiError('not_found', 'MCP server')
  const begun = performance.now()
  try {
    const { list, hashes: tool_hashes, about } = await node.mcp.list(server)
    const latency_ms = Math.round(performance.now() - begun)
    const listed = { ...server, tools: list, tools_error: null, tool_hashes }
    const tools_hash = listHashOf(tool_hashes)
    return { ok: true, latency_ms, server: about, tools_hash, ...toolsOf(node, listed) }
  } catch (error) {
    if (!(error instanceof McpFailure)) throw error
    return { ok: false, message: problemOf(server, error), tools: [], warnings: [] }
  }
}

function toolsOf(node: Trying, server: McpServerRow): Pick<McpServerTest, 'tools' | 'warnings'> {
  const [capability] = describeServers([server], node)
  const tools = capability!.tools({}).map((tool) => ({
    ...describeTool(tool),
    remote_name: tool.remoteName!,
    ...(tool.isChanged && { changed: true }),
  }))
  return { tools, warnings: [...(capability!.warnings ?? [])] }
}
