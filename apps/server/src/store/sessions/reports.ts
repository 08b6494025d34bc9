import type { EventsSummary, SessionStats } from '@outlast/contract'
import type { Db, Statement } from '../database.ts'

const stats: Statement = {
  name: 'session-stats',
  text: `
with n as (
  select
    (select coalesce(sum(sessions), 0) from counters where org_id = $1 and agent_id = '') as total,
    (select count(*) from sessions where org_id = $1 and started_at is null) as started,
    (select count(*) from sessions where org_id = $1 and waiting_for is not null) as waiting,
    (select count(*) from (
      select session_id from turns where org_id = $1
      union select id from sessions where org_id = $1 and waiting_for is not null
    ) a) as active
)
select total::bigint, started, active, waiting as waiting_for_tool_results,
  greatest(total - started - active, 0)::bigint as idle
from n`,
}

/** Counts the sessions of an organization by status. */
export async function sessionStats(db: Db, orgId: string): Promise<SessionStats> {
  const [row] = await db.run<SessionStats>(stats, [orgId])
  return row!
}

const summary: Statement = {
  name: 'events-summary',
  text: `
select type as event_type, count(*)::int as count, min(ts) as first_ts, max(ts) as last_ts
from events where session_id = $1 and sequence <= $2
group by type order by count desc, type`,
}

type EventCountRow = { event_type: string; count: number; first_ts: string; last_ts: string }

/** Counts the events of a session up to a sequence, in one scan of its log. */
export async function eventsSummary(
  db: Db,
  sessionId: string,
  upTo: number,
): Promise<EventsSummary> {
  const rows = await db.run<EventCountRow>(summary, [sessionId, upTo])
  const countOf = (type: string) => rows.find((row) => row.event_type === type)?.count ?? 0
  return {
    total: rows.reduce((sum, { count }) => sum + count, 0),
    by_type: rows.map(({ event_type, count }) => ({ event_type, count })),
    turn_count: countOf('turn.started'),
    error_count: countOf('turn.failed'),
    first_ts: rows.map(({ first_ts }) => first_ts).sort()[0] ?? null,
    last_ts:
      rows
        .map(({ last_ts }) => last_ts)
        .sort()
        .at(-1) ?? null,
  }
}
