import { createLog } from '../../apps/server/src/log.ts'
import { startEmbedded } from '../../apps/server/src/store/embedded/embedded.ts'
import { type Server, startOutlast, withDataDir } from './servers.ts'

/** Starts a node with these settings. */
export type StartNode = (env?: Record<string, string>) => Promise<Server>

/** A database for several nodes. Those that `work` starts are stopped at its end. */
export function withCluster<T>(work: (node: StartNode) => Promise<T>): Promise<T> {
  return withDataDir(async (dataDir) => {
    const embedded = await startEmbedded({ dataDir, log: createLog('warn'), onFatal: fail })
    const nodes: Server[] = []
    try {
      return await work(async (env) => {
        const shared = { DATA_DIR: dataDir, DATABASE_URL: embedded.url }
        const node = await startOutlast({ env: { ...shared, ...env } })
        nodes.push(node)
        return node
      })
    } finally {
      for (const node of nodes.reverse()) await node.stop()
      await embedded.stop()
    }
  })
}

function fail(error: Error): never {
  throw error
}
