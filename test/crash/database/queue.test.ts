import test from 'node:test'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { insistent, startServer } from '../../../apps/server/test/server.ts'
import { createSession, post } from '../../../apps/server/test/session.ts'
import { startLookupProxy } from '../../lookup-proxy.ts'
import { startPostgresProxy } from '../../postgres-proxy.ts'
import { type Scope, scopeOf, untilIdle } from '../scenario.ts'

/** A node that takes turns of the queue, behind a proxy, and one that stores messages. */
async function startNodes(scope: Scope, databaseUrl: string) {
  const env = { LOG_LEVEL: 'silent' }
  const worker = await startServer(scope, { databaseUrl, env: { ...env, ROLE: 'worker' } })
  const api = await startServer(scope, { databaseUrl, env: { ...env, ROLE: 'api' } })
  const node = { ...api, call: insistent(api.call) }
  async function begin() {
    const { id } = await createSession(node)
    await post(node, id, 'hello')
    return () => untilIdle(scope, node, id)
  }
  return { worker, begin }
}

test('takes queued turns after the database refused to look up the tasks of the queue', async (t) => {
  const scope = scopeOf(t)
  const { url, refuseNext } = await startLookupProxy(scope)
  const refused = refuseNext()
  const { begin } = await startNodes(scope, url)
  await refused
  const end = await begin()
  await end()
})

test('a node stops whose queue could not delete two jobs at once', async (t) => {
  const scope = scopeOf(t)
  const bothArrived = Promise.withResolvers<void>()
  let deletions = 0
  const proxy = await startPostgresProxy(await createTestDatabase(scope), {
    onStatement(label) {
      if (!label.startsWith('complete_job') || deletions === 2) return undefined
      deletions += 1
      if (deletions === 2) bothArrived.resolve()
      return { when: 'refused', code: '25006', sent: bothArrived.promise }
    },
  })
  scope.after(proxy.close)
  const { worker, begin } = await startNodes(scope, proxy.url)
  const ends = []
  // One statement may delete several jobs.
  while (deletions < 2) ends.push(await begin())
  for (const end of [...ends, await begin()]) await end()
  await worker.stop()
})
