import type { NetworkAccess } from '@outlast/contract'
import type { Config } from '../../config.ts'
import type { Log } from '../../log.ts'
import type { FetchBudgets } from '../../outbound/fetch-budget.ts'
import type { Outbound } from '../../outbound/outbound.ts'
import type { Secrets } from '../../secrets.ts'
import type { Db } from '../../store/database.ts'
import { findMcpReach, type McpServerReach } from '../../store/models/mcp-servers.ts'
import { textHash } from '../../store/stored-texts.ts'
import { type ToolContext, ToolError } from '../capability.ts'
import { fillSecrets, type McpSecrets } from './call-secrets.ts'
import { connect, type McpConnection } from './connection.ts'
import { isSessionLost, McpFailure, mcpFailureSentence } from './failure.ts'
import { createListings, type Listings, reachName } from './listings.ts'
import { plainName } from './names.ts'
import { createMcpPool, type Pool, type PoolKey } from './pool.ts'
import { openSecrets } from './reach.ts'
import { resultOf } from './result.ts'

export type McpOptions = {
  db: Db
  /** As `db`, for calls. */
  toolDb: Db
  config: Config
  secrets: Secrets | undefined
  outbound: Outbound
  fetchBudgets: FetchBudgets
  log: Log
  /** Version of this client. */
  version: string
}

/** A tool of a server, with its settings. */
export type RemoteTool = {
  orgId: string
  serverId: string
  /** The server's name at the start of the turn. */
  server: string
  /** The tool's name at its server. */
  tool: string
  /** Idle timeout of the server in ms; undefined: the time limit of the call. */
  silenceMs: number | undefined
  secrets: McpSecrets
}

type Input = Record<string, unknown>

/** The MCP client of this node: requests and held sessions. */
export type Mcp = Pick<Listings, 'list' | 'withTools'> & {
  /** Contract: throws ToolError for failures of the server and of the call. */
  call: (remote: RemoteTool, input: Input, context: ToolContext) => Promise<unknown>
  /** Drops held sessions, whose server revisions may be lost: calls start new ones. */
  forget: () => void
  /** Ends all sessions, at the servers too. */
  stop: () => Promise<void>
}

type Opening = {
  /** Absent for a listing: it could announce another change. */
  onToolsChanged?: () => void
  /** Headers with secrets of the session. */
  headers?: Record<string, string>
  access?: readonly NetworkAccess[]
}

const connectMs = 30_000
const minuteMs = 60_000
/** Metadata key of the idempotency key of a call. */
const metaKey = 'outlast/idempotency-key'

export function createMcp(options: McpOptions): Mcp {
  const { db, toolDb, config, secrets, outbound, fetchBudgets, log, version } = options
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
    { onToolsChanged = () => {}, headers = {}, access = [] }: Opening = {},
  ): Promise<McpConnection> {
    const { org_id: orgId } = server
    const fetch = outbound.reach({ orgId, purpose: 'mcp', access })
    const reach = openSecrets(server, secrets)
    const all = { ...lowerCase(reach.headers), ...headers }
    return connect({
      reach: { ...reach, headers: all, fetch, account: fetchBudgets.accountOf(orgId) },
      version,
      signal: AbortSignal.any([signal, stopping.signal]),
      onToolsChanged,
      onFault: (reason) =>
        log.debug('an MCP server violates the protocol', { server: server.id, reason }),
    })
  }

  return {
    list: listings.list,
    withTools: listings.withTools,
    async call(remote, input, context) {
      const server = await reachOf(toolDb, remote)
      const silenceMs = remote.silenceMs ?? config.TOOL_TIMEOUT_MS
      const { sessionId, networkAccess: access = [] } = context
      const call = { tool: remote.tool, url: server.url, input }
      const { headers, redact, ...filled } = await fillSecrets(call, remote.secrets, context)
      const opening = { access, headers, onToolsChanged: () => listings.listLater(server) }
      const answer = await ask(pool, {
        // A connection has the network access and the secrets of the call that opened it.
        of: {
          key: `${reachName(server)} ${sessionId} ${textHash(JSON.stringify([access, headers]))}`,
          orgId: remote.orgId,
        },
        open: () => open(server, AbortSignal.timeout(connectMs), opening),
        work: (connection) =>
          connection.callTool(
            { name: remote.tool, arguments: filled.input, _meta: metaOf(context) },
            {
              signal: context.signal,
              silenceMs,
              onProgress: (progress) => context.progress(redact.json(progress)),
            },
          ),
      }).catch((error) => {
        context.signal.throwIfAborted()
        const reason = mcpFailureSentence(redact.error(error))
        throw new ToolError(`The MCP server ${server.name} ${reason}`)
      })
      return resultOf(redact.json(answer), {
        ...context,
        directory: `/mcp/${plainName(server.name)}`,
      })
    },
    forget: pool.clear,
    async stop() {
      stopping.abort(new McpFailure('is not called: this node is stopping.'))
      await listings.stop()
      await pool.stop()
    },
  }
}

/** Metadata of a call: its idempotency key, and its trace under the protocol's name. */
const metaOf = ({ idempotencyKey, traceparent }: ToolContext) => ({
  [metaKey]: idempotencyKey,
  ...(traceparent && { traceparent }),
})

/** Headers by one name each, so that those of a session replace those of the server. */
const lowerCase = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

async function reachOf(db: Db, { orgId, serverId, server: name }: RemoteTool) {
  const server = await findMcpReach(db, orgId, serverId)
  if (!server) throw new ToolError(`The MCP server ${name} was deleted.`)
  if (server.status !== 'active') throw new ToolError(`The MCP server ${server.name} is disabled.`)
  return server
}

type HeldRequestOptions<T> = {
  of: PoolKey
  open: () => Promise<McpConnection>
  work: (connection: McpConnection) => Promise<T>
}

/** Sends a request in the held session; once more in a new one if the server has dropped it. */
async function ask<T>(pool: Pool, asking: HeldRequestOptions<T>, isSecond = false): Promise<T> {
  const lost = Symbol('lost')
  const answer = await pool.use(asking.of, asking.open, async (connection, drop) => {
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
