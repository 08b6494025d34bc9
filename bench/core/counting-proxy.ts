import { createLog } from '../../apps/server/src/log.ts'
import { startEmbedded } from '../../apps/server/src/store/embedded/embedded.ts'
import { startPostgresProxy } from '../../test/postgres-proxy.ts'
import { withDataDir } from './servers.ts'

/** Statements that a proxy counted, by name or first words. */
export type Counts = { total: number; byLabel: Map<string, number> }

export type CountingProxy = {
  port: number
  /** Returns the counts since the last call. */
  take: () => Counts
  close: () => Promise<void>
}

export type CountedDatabase = {
  /** Settings of a server whose statements are counted. */
  env: Record<string, string>
  proxy: CountingProxy
  /** The URL without the proxy. */
  directUrl: string
}

/** Prevents checkpoints during a measurement: after one, PostgreSQL writes whole pages. */
const settings = { checkpoint_timeout: '1h', max_wal_size: '8GB' }

/** Runs `work` with a new PostgreSQL behind a counting proxy. */
export function withCountedDatabase<T>(work: (database: CountedDatabase) => Promise<T>) {
  return withDataDir(async (dataDir) => {
    const log = createLog('warn')
    const embedded = await startEmbedded({ dataDir, log, onFatal: fail, settings })
    const proxy = await startCountingProxy(embedded.port)
    const url = new URL(embedded.url)
    url.port = String(proxy.port)
    const env = { DATA_DIR: dataDir, DATABASE_URL: url.href }
    try {
      return await work({ env, proxy, directUrl: embedded.url })
    } finally {
      await proxy.close()
      await embedded.stop()
    }
  })
}

function fail(error: Error): never {
  throw error
}

/** Starts a proxy between a server and its PostgreSQL that counts statements. */
async function startCountingProxy(postgresPort: number): Promise<CountingProxy> {
  let counts: Counts = { total: 0, byLabel: new Map() }
  const { port, close } = await startPostgresProxy(`postgres://127.0.0.1:${postgresPort}`, {
    onStatement(label) {
      counts.total += 1
      counts.byLabel.set(label, (counts.byLabel.get(label) ?? 0) + 1)
      return undefined
    },
  })
  return {
    port,
    close,
    take() {
      const taken = counts
      counts = { total: 0, byLabel: new Map() }
      return taken
    },
  }
}
