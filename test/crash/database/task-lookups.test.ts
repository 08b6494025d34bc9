import test from 'node:test'
import { insistent, startServer } from '../../../apps/server/test/server.ts'
import { createSession, post } from '../../../apps/server/test/session.ts'
import { startLookupProxy } from '../../lookup-proxy.ts'
import { scopeOf, untilIdle } from '../scenario.ts'

test('takes queued turns after the database refused to look up the tasks of the queue', async (t) => {
  const scope = scopeOf(t)
  const { url: databaseUrl, refuseNext } = await startLookupProxy(scope)
  const refused = refuseNext()
  const env = { ROLE: 'worker', LOG_LEVEL: 'silent' }
  await startServer(scope, { databaseUrl, env })
  await refused
  const api = await startServer(scope, { databaseUrl, env: { ROLE: 'api' } })
  const node = { ...api, call: insistent(api.call) }
  const { id } = await createSession(node)
  await post(node, id, 'hello')
  await untilIdle(scope, node, id)
})
