import type pg from 'pg'

export const organizationId = 'org_00000000000000000000000000000001'

/** Agents by number: `agent_…0001` is the busy one. */
export const agentId = (n: number) => `agent_${n.toString(16).padStart(32, '0')}`
const agentCount = 50
/** Three of five of the first sessions are the busy agent's, so that it has 500 pages early. */
const busyUpTo = 20_000

export async function addAgents(client: pg.Client) {
  await client.query(
    `insert into agents (org_id, id, name, system_prompt)
     select $1, 'agent_' || lpad(to_hex(n), 32, '0'), 'Agent ' || n, 'You are agent ' || n || '.'
     from generate_series(1, $2::int) n`,
    [organizationId, agentCount],
  )
}

/** Adds sessions in the state after a turn, each a second younger than the previous one. */
export async function addSessions(client: pg.Client, count: number) {
  // Nodes would read these sessions for the search while they are measured.
  await client.query('alter table sessions disable trigger search_of_new_session')
  await client.query(
    `
with s as (
  insert into sessions (org_id, id, agent_id, title, tags, status, preview, output_preview, input_tokens,
    output_tokens, started_at, finished_at, created_at, updated_at, sequence)
  select $1, 'session_' || md5(n::text),
    'agent_' || lpad(to_hex(case when n <= $3 and n % 5 < 3 then 1 else n % $4 + 1 end), 32, '0'),
    case when n % 3 = 0 then 'Conversation number ' || n end,
    case when n % 10 = 0 then array['customer', 'tier-' || n % 4] else '{}'::text[] end,
    'idle', left(repeat('Please look at order ' || n || ' for me. ', 6), 120),
    left(repeat('Order ' || n || ' was sent on Tuesday. ', 8), 200), 400, 120, at, at + interval '3 seconds', at,
    at + interval '3 seconds', 11
  from (select n, timestamptz '2026-01-01' + n * interval '1 second' as at from generate_series(1, $2::int) n) as g
  returning agent_id
), counted as (
  select agent_id, count(*) as n from s group by agent_id
)
insert into counters as c (org_id, agent_id, shard, sessions)
select $1, agent_id, 0, n from counted union all select $1, '', 0, sum(n) from counted
on conflict (org_id, agent_id, shard) do update set sessions = c.sessions + excluded.sessions`,
    [organizationId, count, busyUpTo, agentCount],
  )
  await client.query('alter table sessions enable trigger search_of_new_session')
  await client.query('vacuum (analyze) sessions, counters')
}

/** Updates one of five sessions the way a turn does. Returns the share of heap-only updates. */
export async function runTurns(client: pg.Client, sessions: number): Promise<number> {
  const batches = 10
  for (let batch = 0; batch < batches; batch++) {
    await client.query(
      `update sessions set sequence = sequence + 10, output_preview = left(repeat('It arrives today. ', 12), 200),
         input_tokens = input_tokens + 500, output_tokens = output_tokens + 100, finished_at = clock_timestamp(),
         updated_at = clock_timestamp(), turn_attempt = 0, context_sequence = sequence
       where org_id = $1 and id in (
         select 'session_' || md5(n::text) from generate_series($2::int, $3::int, $4::int) n)`,
      [organizationId, 5 * (batch + 1), sessions, 5 * batches],
    )
  }
  await client.query('select pg_stat_force_next_flush()')
  const { rows } = await client.query<{ share: number }>(
    `select n_tup_hot_upd::float8 / nullif(n_tup_upd, 0) as share
     from pg_stat_user_tables where relname = 'sessions'`,
  )
  return rows[0]!.share
}
