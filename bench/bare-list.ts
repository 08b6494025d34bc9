/**
 * Serves the first page of sessions without any other work: `node:http`, one prepared statement
 * that selects the columns of the newest 20 sessions and their total, and `JSON.stringify` of the
 * same response as ours. Takes DATABASE_URL, PORT and ORG_ID.
 */
import http from 'node:http'
import { createPool } from '../apps/server/src/store/database.ts'
import { columns, type SessionRow } from '../apps/server/src/store/sessions/sessions.ts'

const harnessId = 'harness_00000000000000000000000000000001'
const { DATABASE_URL: url, PORT, ORG_ID } = process.env
const pool = createPool({ url: url!, max: 8, onError() {} })
const limit = 20
const page = {
  name: 'page',
  text: `
select ${columns.join(', ')},
  (select sum(sessions)::bigint from counters where org_id = $1 and agent_id = '') as total
from sessions where org_id = $1 order by created_at desc, id desc limit ${limit}`,
}

type Row = SessionRow & { total: number }

/**
 * A session in the form of our responses; the sessions of this benchmark use no cache and have no
 * cost.
 */
const sessionOf = (row: Row) => ({
  id: row.id,
  organization_id: row.org_id,
  agent_id: row.agent_id,
  harness_id: harnessId,
  key: row.key,
  title: row.title,
  tags: row.tags,
  model_id: row.model_id,
  capabilities: row.capabilities,
  tools: row.tools,
  status: row.status,
  waiting_for: row.waiting_for,
  last_turn: row.status === 'idle' ? row.last_turn : null,
  preview: row.preview,
  output_preview: row.output_preview,
  usage: { input_tokens: row.input_tokens, output_tokens: row.output_tokens },
  forked_from: row.forked_from,
  superseded_by: row.superseded_by,
  legal_hold: row.legal_hold,
  started_at: row.started_at,
  finished_at: row.finished_at,
  created_at: row.created_at,
  updated_at: row.updated_at,
})

const server = http.createServer(async (_request, response) => {
  const { rows } = await pool.query<Row>({ ...page, values: [ORG_ID] })
  const body = { data: rows.map(sessionOf), total: rows[0]?.total ?? 0, offset: 0, limit }
  const text = JSON.stringify(body)
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  }
  response.writeHead(200, headers).end(text)
})
server.listen(Number(PORT), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
