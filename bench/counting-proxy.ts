import { startPostgresProxy } from '../test/postgres-proxy.ts'

/** Statements that a proxy saw, by name or first words. */
export type Counts = { total: number; byLabel: Map<string, number> }

export type CountingProxy = {
  port: number
  /** What was counted since the last call. */
  take: () => Counts
  close: () => Promise<void>
}

/** Stands between a server and its PostgreSQL and counts what is executed there. */
export async function startCountingProxy(postgresPort: number): Promise<CountingProxy> {
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
