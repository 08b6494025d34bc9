import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestDatabase } from '../../../apps/server/test/database.ts'
import { addListedServer, sessionWithMcp, startMcp } from '../../../apps/server/test/remotes/mcp.ts'
import { startServer } from '../../../apps/server/test/server.ts'
import { useTools } from '../../../apps/server/test/tool-session.ts'
import { patient } from '../../../apps/server/test/waiting.ts'
import { type Fault, startPostgresProxy } from '../../postgres-proxy.ts'
import { scopeOf } from '../scenario.ts'

/** Errors of a database that restarts, by the answer to one statement. */
const faults: Record<string, Fault> = {
  '57P01': { when: 'refused', code: '57P01' },
  'a lost connection': { when: 'before' },
}

for (const [name, fault] of Object.entries(faults)) {
  test(`a call of an MCP server succeeds if its file cannot be stored: ${name}`, async (t) => {
    const scope = scopeOf(t)
    const proxy = await startPostgresProxy(await createTestDatabase(scope), {
      onStatement: (label) => (label === 'keep-blob' ? fault : undefined),
    })
    scope.after(proxy.close)
    const env = { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' }
    const server = await startServer(scope, { env, databaseUrl: proxy.url, databaseWaits: patient })
    const sound = { type: 'audio', mimeType: 'audio/wav', data: 'UklGRg==' }
    const paid = { type: 'text', text: 'paid' }
    const mcp = await startMcp(t, {
      'tools/call': ({ answer }) => answer({ content: [paid, sound] }),
    })
    const added = await addListedServer(server, mcp.url)
    const session = await sessionWithMcp(server, added.ref)
    const [answer] = await useTools(t, server, session.id, ['mcp_tools__say', {}])
    assert.deepEqual(answer.content, [
      paid,
      {
        type: 'audio',
        media_type: 'audio/wav',
        size_bytes: 4,
        not_kept: 'The database could not store it.',
      },
    ])
  })
}
