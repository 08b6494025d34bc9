import type { Capability } from '../capabilities/capability.ts'
import type { Config } from '../config.ts'
import type { Log } from '../log.ts'
import type { Secrets } from '../secrets.ts'
import type { Bus } from '../store/bus.ts'
import type { Database, Db } from '../store/database.ts'

/** What this process is, to everything that runs turns in it. */
export type Node = {
  id: string
  db: Database
  /** A connection of its own, so that a busy node does not lose its lease. */
  leaseDb: Db
  bus: Bus
  config: Config
  /** Undefined when no master key is configured. */
  secrets: Secrets | undefined
  capabilities: readonly Capability[]
  log: Log
}
