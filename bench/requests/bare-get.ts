/**
 * Serves `GET /v1/sessions/{id}` without any other work: Fastify, and the columns of a session by
 * primary key, on connections with our settings. Takes DATABASE_URL, PORT and ORG_ID.
 */
import Fastify from 'fastify'
import { createPool } from '../../apps/server/src/store/database.ts'

const { DATABASE_URL: url, PORT, ORG_ID } = process.env
const pool = createPool({ url: url!, max: 8, onError() {} })
const byId = {
  name: 'by-id',
  text: `
select id, org_id, agent_id, title, tags, model_id, capabilities, status, preview, output_preview, input_tokens,
  output_tokens, cache_read_tokens, cache_creation_tokens, cost_nanos, forked_from, started_at, finished_at, created_at,
  updated_at
from sessions where org_id = $1 and id = $2`,
}

const app = Fastify()
app.get('/health/ready', async () => ({ status: 'ok' }))
app.get<{ Params: { id: string } }>('/v1/sessions/:id', async ({ params }) => {
  const { rows } = await pool.query({ ...byId, values: [ORG_ID, params.id] })
  return rows[0]
})
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
process.on('SIGTERM', () => process.exit(0))
