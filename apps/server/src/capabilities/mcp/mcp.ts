import type { Config } from '../../config.ts'
import type { Log } from '../../log.ts'
import type { FetchBudgets } from '../../providers/fetch-budget.ts'
import type { Outbound } from '../../providers/outbound.ts'
import type { Secrets } from '../../secrets.ts'
import type { Db } from '../../store/database.ts'
import { findMcpReach, type McpServerReach } from '../../store/models/mcp-servers.ts'
import { type ToolContext, ToolError } from '../capability.ts'
import { connect, type McpConnection } from './connection.ts'
import { isSessionLost, McpFailure, mcpFailureSentence } from './failure.ts'
import { createListings, type Listings, reachName } from './listings.ts'
import { plainName } from './names.ts'
import { createMcpPool, type Pool } from './pool.ts'
import { openSecrets } from './reach.ts'
import { resultOf } from './result.ts'

export type McpOptions = {
  db: Db
  config: Config
  secrets: Secrets | undefined
  outbound: Outbound
  budgets: FetchBudgets
  log: Log
  /** What we call ourselves. */
  version: string
}

/** A tool of a server, and how it is called. */
export type RemoteTool = {
  orgId: string
  serverId: string
  /** What the server was called when the turn began. */
  server: string
  /** What the tool is called there. */
  tool: string
  /** Longest the server may stay silent; undefined: as long as the call may last. */
  silenceMs: number | undefined
}

type Input = Record<string, unknown>

/** MCP servers to this node: what it asks them, and the sessions that it holds with them. */
export type Mcp = Pick<Listings, 'list' | 'withTools'> & {
  /** Contract: what is wrong with a server or with the call is a ToolError. */
  call: (remote: RemoteTool, input: Input, context: ToolContext) => Promise<unknown>
  /** Held sessions belong to revisions of servers that may be lost: calls begin new ones. */
  forget: () => void
  /** Ends all sessions, at the servers too. */
  stop: () => Promise<void>
}

const connectMs = 30_000
const minuteMs = 60_000
/** The server finds a key here that is the same at every attempt of a call, and unique to it. */
const metaKey = 'outlast/idempotency-key'

export function createMcp(options: McpOptions): Mcp {
  const { db, config, secrets, outbound, budgets, log, version } = options
  const stopping = new AbortController()
  const pool = createMcpPool({
    connectionsMax: config.MCP_CONNECTIONS_MAX,
    idleMs: config.MCP_IDLE_SECONDS * 1_000,
  })
  const listings = createListings({
    db,
    log,
    open,
    maxAgeMs: config.MCP_TOOLS_MAX_AGE_MINUTES * minuteMs,
    stopping: stopping.signal,
  })

  async function open(
    server: McpServerReach,
    signal: AbortSignal,
    onToolsChanged = () => {},
  ): Promise<McpConnection> {
    const { org_id: orgId } = server
    const fetch = outbound.reach({ orgId, purpose: 'mcp' })
    return connect({
      reach: { ...openSecrets(server, secrets), fetch, account: budgets.accountOf(orgId) },
      version,
      signal: AbortSignal.any([signal, stopping.signal]),
      onToolsChanged,
      onFault: (reason) => log.debug('an MCP server misbehaves', { server: server.id, reason }),
    })
  }

  return {
    list: listings.list,
    withTools: listings.withTools,
    async call(remote, input, context) {
      const server = await reachOf(db, remote)
      const silenceMs = remote.silenceMs ?? config.TOOL_TIMEOUT_MS
      const answer = await ask(pool, {
        key: `${reachName(server)} ${context.sessionId}`,
        // Who is only asked for its tools cannot ask to be asked again.
        open: () => open(server, AbortSignal.timeout(connectMs), () => listings.listLater(server)),
        work: (connection) =>
          connection.callTool(
            { name: remote.tool, arguments: input, _meta: metaOf(context) },
            { signal: context.signal, silenceMs, onProgress: context.progress },
          ),
      }).catch((error) => {
        context.signal.throwIfAborted()
        throw new ToolError(`The MCP server ${server.name} ${mcpFailureSentence(error)}`)
      })
      return resultOf(answer, { ...context, directory: `/mcp/${plainName(server.name)}` })
    },
    forget: pool.clear,
    async stop() {
      stopping.abort(new McpFailure('is not asked: this node stops.'))
      await listings.stop()
      await pool.stop()
    },
  }
}

/** Metadata of a call: its key, and its trace under the protocol's name. */
const metaOf = ({ idempotencyKey, traceparent }: ToolContext) => ({
  [metaKey]: idempotencyKey,
  ...(traceparent && { traceparent }),
})

async function reachOf(db: Db, { orgId, serverId, server: name }: RemoteTool) {
  const server = await findMcpReach(db, orgId, serverId)
  if (!server) throw new ToolError(`The MCP server ${name} was deleted.`)
  if (server.status !== 'active') throw new ToolError(`The MCP server ${server.name} is disabled.`)
  return server
}

type Asking<T> = {
  key: string
  open: () => Promise<McpConnection>
  work: (connection: McpConnection) => Promise<T>
}

/** Sends a request in the held session; once more in a new one if the server has dropped it. */
async function ask<T>(pool: Pool, asking: Asking<T>, isSecond = false): Promise<T> {
  const lost = Symbol('lost')
  const answer = await pool.use(asking.key, asking.open, async (connection, drop) => {
    try {
      return await asking.work(connection)
    } catch (error) {
      if (!isSessionLost(error)) throw error
      drop()
      if (isSecond) throw error
      return lost
    }
  })
  return answer === lost ? ask(pool, asking, true) : (answer as T)
}
