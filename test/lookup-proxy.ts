import { createTestDatabase } from '../apps/server/test/database.ts'
import type { Scope } from './crash/scenario.ts'
import { startPostgresProxy } from './postgres-proxy.ts'

/** A database behind a proxy that can refuse the statement in which a queue looks up its tasks. */
export async function startLookupProxy(scope: Scope) {
  const waiting: (() => void)[] = []
  const passed = Promise.withResolvers<void>()
  const proxy = await startPostgresProxy(await createTestDatabase(scope), {
    onStatement(label) {
      if (!/^insert into "graphile_worker"/.test(label)) return undefined
      const refused = waiting.shift()
      if (!refused) {
        passed.resolve()
        return undefined
      }
      refused()
      return { when: 'refused', code: '25006' }
    },
  })
  scope.after(proxy.close)
  return {
    url: proxy.url,
    /** Resolves once one has passed. */
    looked: passed.promise,
    /** Refuses the next one; resolves then. */
    refuseNext: () => new Promise<void>((resolve) => waiting.push(resolve)),
  }
}
