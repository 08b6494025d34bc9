/**
 * Serves the first page of sessions without any other work: `node:http`, one prepared statement
 * that selects the columns of the newest 20 sessions and their total, and `JSON.stringify` of the
 * same response as ours. Takes DATABASE_URL, PORT and ORG_ID.
 */
import http from 'node:http'
import { createPool } from '../../apps/server/src/store/database.ts'
import { isPinnedBy } from '../../apps/server/src/store/sessions/pins.ts'
import {
  columns,
  type SessionRow,
  toSession,
} from '../../apps/server/src/store/sessions/sessions.ts'

const { DATABASE_URL: url, PORT, ORG_ID } = process.env
const pool = createPool({ url: url!, max: 8, onError() {} })
const limit = 20
const page = {
  name: 'page',
  text: `
select ${columns.join(', ')}, ${isPinnedBy('$2')} as is_pinned,
  (select sum(sessions)::bigint from counters where org_id = $1 and agent_id = '') as total
from sessions where org_id = $1 order by created_at desc, id desc limit ${limit}`,
}

type Row = SessionRow & { total: number }

const server = http.createServer(async (_request, response) => {
  const { rows } = await pool.query<Row>({ ...page, values: [ORG_ID, null] })
  const body = { data: rows.map(toSession), total: rows[0]?.total ?? 0, offset: 0, limit }
  const text = JSON.stringify(body)
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  }
  response.writeHead(200, headers).end(text)
})
server.listen(Number(PORT), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
