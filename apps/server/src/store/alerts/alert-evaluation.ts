import type { Db, Statement } from '../database.ts'

const claim: Statement = {
  name: 'claim-alerts',
  text: `
with due as (
  select id from alerts where enabled and due_at <= now()
  order by due_at limit $2 for update skip locked
)
update alerts a set due_at = now() + $1 * interval '1 millisecond' from due where a.id = due.id
returning a.id, a.org_id as "orgId"`,
}

export type ClaimedAlert = { orgId: string; id: string }

/** Claims alerts that are due, and makes them due again in `againMs`. */
export const claimAlerts = (
  db: Db,
  { againMs, limit }: { againMs: number; limit: number },
): Promise<ClaimedAlert[]> => db.run<ClaimedAlert>(claim, [againMs, limit])

/** SQL: the organizations of the alerts of some metrics. No alert, no rows are read. */
const watching = (...metrics: string[]) =>
  `select org_id from rules where metric in (${metrics.map((metric) => `'${metric}'`).join(', ')})`

/** SQL: rows of `r`'s organization, and of its agent if it has one. */
const watchedBy = (row: string) =>
  `${row}.org_id = r.org_id and (r.agent_id is null or ${row}.agent_id = r.agent_id)`

const ageOf = (rows: string) => `coalesce((
  select extract(epoch from now() - min(w.since)) from ${rows} w where ${watchedBy('w')}
), 0)`

/** Failed turns that one alert counts in full, and that one evaluation reads of an organization. */
const failuresMax = 10_000
const failuresRead = 1_000_000

/** Parts of a window, each with a sample: its start is at most one part too early. */
const windowParts = 60
const firingsMax = 100

/**
 * One statement for all alerts. `base` is the newest sample from before the window, or the oldest
 * one of an alert that is younger. Each organization's waits, queue and failed turns are read once,
 * its counters only for alerts on all sessions. `failed` has the failed turns between the starts of
 * the windows, of agents with alerts and of all others: `part` is the number of starts before them.
 * `width_bucket` is a binary search.
 */
const evaluate: Statement = {
  name: 'evaluate-alerts',
  text: `
with rules as materialized (
  select a.*, now() - make_interval(secs => a.window_seconds) as since from alerts a
  where a.id = any($1) and a.enabled for update skip locked
), watched as materialized (
  select distinct org_id, agent_id from rules where metric in ('failed_turn_share', 'cost_usd')
), counted as materialized (
  select org_id, null as agent_id, sum(executions)::bigint as turns, sum(cost_nanos)::bigint as nanos from counters
  where org_id in (select org_id from watched where agent_id is null) group by 1
  union all
  select w.org_id, w.agent_id, sum(c.executions)::bigint, sum(c.cost_nanos)::bigint
  from watched w join counters c on c.org_id = w.org_id and c.agent_id = w.agent_id group by 1, 2
), waiting as materialized (
  select org_id, agent_id, min((waiting_for->>'since')::timestamptz) as since from sessions s
  where org_id in (${watching('waiting_seconds')}) and waiting_for is not null
    and waits_for_person(waiting_for) and not exists (select from turns t where t.id = s.turn_id)
  group by 1, 2
), queued as materialized (
  select t.org_id, s.agent_id,
    min(case when t.node_id is null then t.created_at else coalesce(n.expires_at, now()) end) as since
  from turns t join sessions s on s.org_id = t.org_id and s.id = t.session_id
    left join nodes n on n.id = t.node_id
  where t.org_id in (${watching('queue_seconds')}) and (n.id is null or n.expires_at <= now())
  group by 1, 2
), based as materialized (
  select r.*, coalesce(n.turns, 0) as turns, coalesce(n.nanos, 0) as nanos, base.at as base_at,
    base.turns as base_turns, base.cost_nanos as base_nanos,
    case
      when r.metric = 'failed_turns' then r.since
      when r.metric = 'failed_turn_share' and coalesce(n.turns, 0) - base.turns >= r.min_turns then base.at
    end as failed_since
  from rules r
    left join counted n on n.org_id = r.org_id and n.agent_id is not distinct from r.agent_id
    left join lateral (
      select * from alert_samples s where s.alert_id = r.id
      order by s.at <= r.since desc, abs(extract(epoch from s.at - r.since)) limit 1
    ) base on true
), windows as materialized (
  select org_id, array_agg(distinct failed_since order by failed_since) as starts,
    coalesce(array_agg(distinct agent_id order by agent_id) filter (where agent_id is not null), '{}') as agents,
    case when bool_and(metric = 'failed_turns' and agent_id is null) then ${failuresMax} else ${failuresRead} end as reads
  from based where failed_since is not null group by 1
), failed as materialized (
  select w.org_id, case when w.agents[width_bucket(f.agent_id, w.agents)] = f.agent_id then f.agent_id end as agent_id,
    width_bucket(f.failed_at, w.starts) as part, count(*) as turns
  from windows w cross join lateral (
    select f.agent_id, f.failed_at from failed_turns f where f.org_id = w.org_id and f.failed_at > w.starts[1]
    order by f.failed_at desc limit w.reads
  ) f group by 1, 2, 3
), measured as materialized (
  select r.*, f.id as firing_id, f.notified_at,
    (case r.metric
      when 'failed_turns' then least(${failuresMax}, failures.turns)
      when 'failed_turn_share' then least(1, failures.turns::float / greatest(1, r.turns - r.base_turns))
      when 'cost_usd' then greatest(0, r.nanos - r.base_nanos) / 1e9
      when 'waiting_seconds' then ${ageOf('waiting')}
      when 'queue_seconds' then ${ageOf('queued')}
    end)::float as measured
  from based r
    left join alert_firings f on f.alert_id = r.id and f.resolved_at is null
    left join lateral (
      select coalesce(sum(x.turns), 0) as turns from failed x join windows w using (org_id)
      where ${watchedBy('x')} and x.part >= array_position(w.starts, r.failed_since)
    ) failures on true
), judged as materialized (
  select m.*, case
    when firing_id is null then case when measured >= threshold then 'fired' end
    when measured < coalesce(resolve_below, threshold) then 'resolved'
    when notified_at <= now() - make_interval(secs => repeat_seconds) then 'repeated'
  end as change from measured m
), evaluated as (
  update alerts a set value = measured, evaluated_at = now() from judged j where a.id = j.id
), sampled as (
  insert into alert_samples (alert_id, at, turns, cost_nanos)
  select id, now(), turns, nanos from judged j
  where metric in ('failed_turn_share', 'cost_usd') and not exists (
    select from alert_samples s
    where s.alert_id = j.id and s.at > now() - make_interval(secs => j.window_seconds / ${windowParts}.0)
  )
), outdated as (
  delete from alert_samples s using judged j where s.alert_id = j.id and s.at < j.base_at
), fired as (
  insert into alert_firings (id, alert_id, threshold, value)
  select 'firing_' || replace(gen_random_uuid()::text, '-', ''), id, threshold, measured from judged where change = 'fired'
  on conflict do nothing
), forgotten as (
  delete from alert_firings where id in (
    select old.id from judged j, lateral (
      select id from alert_firings o where o.alert_id = j.id order by fired_at desc, id desc offset ${firingsMax - 1}
    ) old where change = 'fired'
  )
), changed as (
  update alert_firings f set
    resolved_at = case when change = 'resolved' then clock_timestamp() end,
    resolution = case when change = 'resolved' then 'recovered' end,
    notified_at = case when change = 'repeated' then clock_timestamp() else f.notified_at end,
    notifications = f.notifications + case when change = 'repeated' then 1 else 0 end
  from judged j where f.id = j.firing_id and f.resolved_at is null and change in ('resolved', 'repeated')
)
select org_id as "orgId", id, name, change from judged where change is not null`,
}

export type AlertTransition = {
  orgId: string
  id: string
  name: string
  change: 'fired' | 'resolved' | 'repeated'
}

/** Evaluates alerts in one statement, and returns those that changed or were repeated. */
export const evaluateAlerts = (db: Db, ids: string[]): Promise<AlertTransition[]> =>
  db.run<AlertTransition>(evaluate, [ids])
