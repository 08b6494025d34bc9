import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { expectStatus } from '../../../apps/server/test/access.ts'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { addMcpServer, sessionWithMcp, startMcp } from '../../../apps/server/test/remotes/mcp.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { useTools } from '../../../apps/server/test/tool-session.ts'
import { startPostgresProxy } from '../../postgres-proxy.ts'
import { scopeOf } from '../scenario.ts'

/** Adds an MCP server while the database refuses the first statements that store its tools. */
async function addUnstored(t: TestContext, refusals: number) {
  let left = refusals
  const scope = scopeOf(t)
  const proxy = await startPostgresProxy(await createTestDatabase(scope), {
    onStatement(label) {
      if (label !== 'save-mcp-tools' || left === 0) return undefined
      left -= 1
      return { when: 'refused', code: '53300' }
    },
  })
  scope.after(proxy.close)
  const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' }
  const server = await startServer(scope, { env, databaseUrl: proxy.url })
  const mcp = await startMcp(t)
  return { server, mcp, added: await addMcpServer(server, mcp.url) }
}

test('a test of an MCP server is 503 if the database cannot store its tools', async (t) => {
  const { server, added } = await addUnstored(t, 1)
  const refused = await server.call('POST', `${added.path}/test`)
  assert.deepEqual([refused.status, refused.body.code], [503, 'database_unavailable'])
  assert.equal((await server.call('GET', added.path)).body.tools_error, undefined)
  const { ok } = expectStatus(await server.call('POST', `${added.path}/test`), 200)
  assert.equal(ok, true)
})

test('a turn waits until the database can store the tools of its MCP server', async (t) => {
  const { server, mcp, added } = await addUnstored(t, 2)
  const session = await sessionWithMcp(server, added.ref)
  const answers = await useTools(t, server, session.id, ['mcp_tools__say', { word: 'a' }])
  assert.deepEqual(answers, [{ result: 'said a' }])
  assert.equal(mcp.heard('tools/list').length, 3)
})
