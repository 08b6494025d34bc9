import type { Settings } from '../../src/authoring/config.ts'
import { createServer, type ServerOptions } from '../../src/server.ts'
import { createTestDatabase } from '../database.ts'
import type { Hook } from '../hooks.ts'
import { masterKey } from '../server.ts'

/** Settings of an embedded server on a database. */
export const settingsFor = (databaseUrl: string): Settings => ({
  DATABASE_URL: databaseUrl,
  SECRETS_ENCRYPTION_KEY: masterKey,
  SHUTDOWN_GRACE_MS: 1_000,
  SIMULATED_MODELS: 'always',
  SIMULATED_SCRIPTS: true,
  LOG_LEVEL: 'error',
})

/** Starts an embedded server on a database of its own. */
export async function embed(t: Hook, { settings, ...options }: ServerOptions = {}) {
  const drop: (() => unknown)[] = []
  const databaseUrl = await createTestDatabase({
    after: (work) => drop.push(work as () => unknown),
  } as Hook)
  const all = { ...settingsFor(databaseUrl), ...settings }
  const server = await createServer({ ...options, settings: all })
  t.after(async () => {
    await server.stop()
    for (const work of drop) await work()
  })
  return { ...server, databaseUrl }
}
