import type { AgentStats } from '@outlast/contract'
import type { Db, Statement } from '../database.ts'
import { dollarsOf } from '../usage.ts'

const read: Statement = {
  name: 'agent-stats',
  text: `
with mine as (
  select id, created_at from sessions where org_id = $1 and agent_id = $2
), c as (
  select coalesce(sum(sessions), 0)::bigint as session_count,
    coalesce(sum(executions), 0)::bigint as execution_count,
    coalesce(sum(execution_ms), 0)::bigint as total_session_duration_ms,
    coalesce(sum(input_tokens), 0)::bigint as total_input_tokens,
    coalesce(sum(output_tokens), 0)::bigint as total_output_tokens,
    coalesce(sum(cache_read_tokens), 0)::bigint as total_cache_read_tokens,
    coalesce(sum(cache_creation_tokens), 0)::bigint as total_cache_creation_tokens,
    coalesce(sum(cost_nanos), 0)::bigint as cost_nanos
  from counters where org_id = $1 and agent_id = $2
), waiting as (
  select id from sessions where org_id = $1 and agent_id = $2 and waiting_for is not null
), active as (
  select t.session_id as id from turns t
  join sessions s on s.org_id = t.org_id and s.id = t.session_id
  where t.org_id = $1 and s.agent_id = $2
  union select id from waiting
)
select c.*,
  (select count(*) from waiting) as waiting_for_tool_results_session_count,
  (select count(*) from active) as active_session_count,
  (select count(*) from sessions where org_id = $1 and agent_id = $2 and started_at is null) as started_session_count,
  (select created_at from mine order by created_at limit 1) as first_session_at,
  (select created_at from mine order by created_at desc limit 1) as last_session_at
from c`,
}

type StatsRow = Omit<
  AgentStats,
  'idle_session_count' | 'total_actual_cost_usd' | 'total_estimated_cost_usd' | 'total_cost_usd'
> & { cost_nanos: number }

/**
 * Counts the sessions, turns and tokens of an agent, from sums and partial indexes: no statement
 * reads all its sessions.
 */
export async function readAgentStats(db: Db, orgId: string, id: string): Promise<AgentStats> {
  const [row] = await db.run<StatsRow>(read, [orgId, id])
  const { cost_nanos, ...stats } = row!
  const others = stats.active_session_count + stats.started_session_count
  const cost = dollarsOf(cost_nanos)
  return {
    ...stats,
    idle_session_count: Math.max(0, stats.session_count - others),
    total_actual_cost_usd: 0,
    total_estimated_cost_usd: cost,
    total_cost_usd: cost,
  }
}
