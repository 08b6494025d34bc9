import type { Access } from '../access/access.ts'
import type { Quotas } from '../access/quotas.ts'
import type { Project } from '../authoring/project.ts'
import type { Capability } from '../capabilities/capability.ts'
import type { Mcp } from '../capabilities/mcp/mcp.ts'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Tracer } from '../observe/span.ts'
import type { FetchBudgets } from '../outbound/fetch-budget.ts'
import type { Outbound } from '../outbound/outbound.ts'
import type { Secrets } from '../secrets.ts'
import type { Bus } from '../store/bus/bus.ts'
import type { ConnectionShares } from '../store/connection-shares.ts'
import type { Database, Db } from '../store/database.ts'
import type { FileLimits } from '../store/files/file-changes.ts'
import type { Grep } from '../store/files/grep.ts'
import type { History } from '../store/history.ts'
import type { EventRow } from '../store/log/events.ts'
import type { TakenTurn } from '../store/turns/turns.ts'
import type { Breaker } from './model/circuit-breaker.ts'

/** The dependencies of code that runs turns in this process. */
export type Node = {
  id: string
  /** Waits for a connection behind requests. */
  db: Database
  /** For streams, which are served before turns unless they have used connections for longer. */
  streamDb: Db
  /** For running tools, whose calls fail with their first error: waits longer for a connection. */
  toolDb: Database
  /** The requests' share of the same connections. */
  shares: ConnectionShares
  /** Number of statements that wait for a connection before the queue of the pool. */
  waitingForDb: () => number
  /** A separate connection, so that a busy node does not lose its lease. */
  leaseDb: Db
  /** Checks whether the database still has the commits that this node has seen. */
  history: History
  bus: Bus
  config: Config
  /** Undefined when no master key is configured. */
  secrets: Secrets | undefined
  access: Access
  quotas: Quotas
  /** The user's own code; its capabilities are among `capabilities`. */
  project: Project
  /** All of this node's code; `capabilitiesFor` adds an organization's MCP servers. */
  capabilities: readonly Capability[]
  mcp: Mcp
  log: Log
  /** Turns that this node starts without the queue. */
  local: LocalTurns
  /** Why this node cannot write or run its turns; undefined when it can. */
  problem: () => string | undefined
  /** By the latest renewal of its lease. */
  reachesDatabase: () => boolean
  breaker: Breaker
  outbound: Outbound
  fetchBudgets: FetchBudgets
  grep: Grep
  metrics: Metrics
  /** Undefined when tracing is off. */
  tracer: Tracer | undefined
}

const bytesOfMb = 1_048_576

/** Limits of the files of one session. */
export const fileLimits = (config: Config): FileLimits => ({
  fileBytesMax: config.FILE_SIZE_MB * bytesOfMb,
  sessionBytesMax: config.SESSION_FILES_MB * bytesOfMb,
  filesMax: config.SESSION_FILES_MAX,
})

/** A turn whose message this node has just stored and claimed. */
export type LocalTurn = {
  ref: { orgId: string; sessionId: string; turnId: string }
  taken: TakenTurn
  input: EventRow
}

export type LocalTurns = {
  /** True while a turn that starts here would run at once. */
  hasRoom: () => boolean
  begin: (turn: LocalTurn) => void
  /** Number of turns that run on this node, from all sources. */
  running: () => number
  /** Resolves when the attempt of a turn has ended. Undefined for a turn that does not run here. */
  over: (turnId: string) => Promise<void> | undefined
}

/** Used while this node runs no turns. */
export const noLocalTurns: LocalTurns = {
  hasRoom: () => false,
  begin() {},
  running: () => 0,
  over: () => undefined,
}
