import type { Access } from '../access/access.ts'
import type { Quotas } from '../access/quotas.ts'
import type { Capability } from '../capabilities/capability.ts'
import type { Mcp } from '../capabilities/mcp/mcp.ts'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Tracer } from '../observe/span.ts'
import type { FetchBudgets } from '../providers/fetch-budget.ts'
import type { Outbound } from '../providers/outbound.ts'
import type { Secrets } from '../secrets.ts'
import type { Bus } from '../store/bus/bus.ts'
import type { ConnectionShares } from '../store/connection-shares.ts'
import type { Database, Db } from '../store/database.ts'
import type { FileLimits } from '../store/files/file-changes.ts'
import type { Grep } from '../store/files/grep.ts'
import type { History } from '../store/history.ts'
import type { EventRow } from '../store/sessions/events.ts'
import type { TakenTurn } from '../store/sessions/turns.ts'
import type { Breaker } from './model/circuit-breaker.ts'

/** What this process is, to everything that runs turns in it. */
export type Node = {
  id: string
  /** Waits for a connection behind requests. */
  db: Database
  /** What requests use of the same connections. */
  shares: ConnectionShares
  /** How much waits for one of these connections before the queue of the pool. */
  waitingForDb: () => number
  /** A connection of its own, so that a busy node does not lose its lease. */
  leaseDb: Db
  /** Whether the database still has the commits that this node has seen. */
  history: History
  bus: Bus
  config: Config
  /** Undefined when no master key is configured. */
  secrets: Secrets | undefined
  access: Access
  quotas: Quotas
  /** Those that come with the server; `capabilitiesFor` adds an organization's own. */
  capabilities: readonly Capability[]
  mcp: Mcp
  log: Log
  /** Turns that this node can begin without the queue. */
  local: LocalTurns
  /** Why this node cannot write, or run the turns that it should; undefined when it can. */
  problem: () => string | undefined
  breaker: Breaker
  outbound: Outbound
  budgets: FetchBudgets
  grep: Grep
  metrics: Metrics
  /** Undefined when nobody wants traces. */
  tracer: Tracer | undefined
}

const bytesOfMb = 1_048_576

/** How much the files of one session may take. */
export const fileLimits = (config: Config): FileLimits => ({
  fileBytesMax: config.FILE_SIZE_MB * bytesOfMb,
  sessionBytesMax: config.SESSION_FILES_MB * bytesOfMb,
  filesMax: config.SESSION_FILES_MAX,
})

/** A turn whose message this node has just stored, in its own name. */
export type LocalTurn = {
  ref: { orgId: string; sessionId: string; turnId: string }
  taken: TakenTurn
  input: EventRow
}

export type LocalTurns = {
  /** True while a turn that begins here would run at once. */
  hasRoom: () => boolean
  begin: (turn: LocalTurn) => void
  /** How many turns this node runs, whoever brought them. */
  running: () => number
}

/** For as long as this node runs no turns. */
export const noLocalTurns: LocalTurns = {
  hasRoom: () => false,
  begin() {},
  running: () => 0,
}
