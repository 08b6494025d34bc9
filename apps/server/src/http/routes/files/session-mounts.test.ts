import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../../../../test/server.ts'
import { createAgent } from '../../../../test/session.ts'

test('concurrent requests on two nodes create sessions with capability files in any order', async (t) => {
  const server = await startServer(t)
  const other = await startServer(t, { databaseUrl: server.databaseUrl })
  const agent = await createAgent(server, { capabilities: [{ ref: 'sample_data' }] })
  const orders = [
    ['users', 'config'],
    ['config', 'users'],
  ]
  const answers = await Promise.all(
    Array.from({ length: 80 }, (_, n) => {
      const config = { datasets: orders[(n >> 1) % 2] }
      const capabilities = [{ ref: 'sample_data', config }]
      const node = n % 2 === 0 ? server : other
      const key: Record<string, string> = n % 3 === 0 ? { 'idempotency-key': `${n}` } : {}
      return node.call('POST', '/v1/sessions', { agent_id: agent.id, capabilities }, key)
    }),
  )
  for (const { status, body } of answers) assert.equal(status, 201, JSON.stringify(body))
  const files = await server.call('GET', `/v1/sessions/${answers[3]!.body.id}/fs/samples`)
  assert.equal(files.body.total, 3)
  await other.stop()
})
