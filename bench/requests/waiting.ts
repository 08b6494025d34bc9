import type pg from 'pg'
import { withConnection } from '../core/database.ts'
import {
  median,
  ms,
  type Options,
  percentile,
  profiled,
  progress,
  type Report,
  runsOf,
} from '../core/figures.ts'
import { addAgents, addSessions, agentId, organizationId } from '../core/fill.ts'
import { askTimes } from '../core/load.ts'
import { databaseUrl, startOutlast, withDataDir } from '../core/servers.ts'

const p95MaxMs = 25
const requests = 200

const pages = [
  { what: 'the menu (one entry and counts)', path: '/v1/waiting?limit=1' },
  { what: 'first page of 50', path: '/v1/waiting?limit=50' },
  { what: '100th page of 50', path: '/v1/waiting?limit=50&offset=4950' },
  { what: 'first page of one type', path: '/v1/waiting?limit=50&type=input' },
  { what: 'first page of an agent', path: `/v1/waiting?limit=50&agent_id=${agentId(2)}` },
]

/** SQL: every n-th session waits, one of ten for answers, the others for an approval. */
const wait = `
with s as (
  update sessions set status = 'active', turn_id = 'turn_' || md5(id),
    waiting_for = json_build_object(
      'type', case when n % 10 = 0 then 'input' else 'approval' end,
      'tool_call_ids', json_build_array('call_1'),
      'since', to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'calls', json_build_array(json_build_object(
        'tool_call_id', 'call_1', 'tool_name', 'write_file',
        'type', case when n % 10 = 0 then 'input' else 'approval' end,
        'expires_at', '2036-01-01T00:00:00.000Z', 'sequence', 9)))
  from generate_series($2::int, $3::int, $2::int) n
  where org_id = $1 and id = 'session_' || md5(n::text)
  returning id
)
insert into events (session_id, sequence, type, ts, context, data)
select id, 9, 'tool.approval_requested', now(), '{}', json_build_object(
  'tool_call', json_build_object('id', 'call_1', 'name', 'write_file',
    'arguments', json_build_object('path', '/a', 'content', repeat('hello ', 100))))
from s
on conflict do nothing`

/** Lists the items that wait for a person, if one of a hundred or of ten sessions has one. */
export function waiting(options: Options): Promise<Report> {
  return withDataDir(async (dataDir) => {
    const server = await startOutlast({ env: { DATA_DIR: dataDir }, nodeArgs: profiled(options) })
    try {
      return await withConnection(databaseUrl(dataDir), (client) =>
        measure(server.url, client, options),
      )
    } finally {
      await server.stop()
    }
  })
}

async function measure(url: string, client: pg.Client, options: Options): Promise<Report> {
  const many = options.quick ? 100_000 : 1_000_000
  await addAgents(client)
  await addSessions(client, many)
  const rows: Report['rows'] = []
  for (const every of [100, 10]) {
    await client.query(wait, [organizationId, every, many])
    await client.query('vacuum (analyze) sessions, events')
    await client.query('checkpoint')
    const shown = (many / every).toLocaleString('en')
    for (const { what, path } of pages) {
      await askTimes(url, path, requests / 4)
      const p95: number[] = []
      for (let run = 1; run <= runsOf(options); run++) {
        p95.push(percentile(await askTimes(url, path, requests), 0.95))
      }
      progress(`${shown} waiting, ${what}: p95 ${p95.map(ms).join(', ')}`)
      const measured = median(p95)
      const isGoal = every === 100
      rows.push({
        what: `p95, ${what}, ${shown} waiting`,
        goal: isGoal ? `≤ ${p95MaxMs} ms` : '',
        measured: ms(measured),
        ...(isGoal && { met: measured <= p95MaxMs }),
      })
    }
  }
  return { title: `What waits for a person among ${many.toLocaleString('en')} sessions`, rows }
}
