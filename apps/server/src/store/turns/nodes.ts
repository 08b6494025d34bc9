import type { Worker } from '@outlast/contract'
import type { Db, Statement } from '../database.ts'
import type { History } from '../history.ts'
import { statement, valuesOf } from '../statements.ts'
import { refusedMs } from './turns.ts'

/** Queued turns whose jobs one renewal checks. */
const queuedMax = 500

/**
 * A subquery finds the job of a turn, not `not exists`: so PostgreSQL looks each one up by its key,
 * where a join could read all jobs. A job that a worker has just taken is present: to add it again
 * would lock it against the worker, and a renewal must not wait. A job that has failed three times
 * is added again, so that a wait does not expire hours late.
 */
const renewText = (history: string) => `
with me as (
  insert into nodes (id, version, role, slots, expires_at, draining, catalog_hash)
  values (:id, :version, :role, :slots, now() + :ms * interval '1 millisecond', :draining, :catalogHash)
  on conflict (id) do update set expires_at = excluded.expires_at
  returning draining
), queued as (
  select * from turns
  where :judging and node_id is null and id > :after order by id limit ${queuedMax}
), lost as (
  select t.id, t.org_id, t.session_id, m.missing
  from (
    select * from turns t where t.node_id is not null and (
      not exists (select from nodes n where n.id = t.node_id and n.expires_at > now())
      or t.node_id = :id and t.id = any(:strays)
    )
    union all
    select * from queued where created_at < now() - interval '1 second'
  ) t, lateral (
    select case when t.refused_at > now() - :refusedMs * interval '1 millisecond' then t.missing_capabilities end as missing
  ) m
  where :judging and (:alone or exists (
    select from nodes n where n.id = :id and n.expires_at > now() and n.started_at < now() - :ms * interval '1 millisecond'
  )) and (
    select j.id from graphile_worker.jobs j
    where j.key = t.id and j.attempts < j.max_attempts
      and (j.locked_at is null or t.node_id is null and j.locked_at > now() - interval '2 seconds')
      and (j.flags is null or m.missing is not null)
  ) is null
  order by missing nulls first, t.id limit 100
), added as (
  select start_turn(org_id, session_id, id, missing) from lost
), late as (
  select graphile_worker.add_job(
    'expire',
    json_build_object('org_id', org_id, 'session_id', id, 'turn_id', turn_id),
    job_key => 'wait:' || turn_id,
    job_key_mode => 'preserve_run_at'
  ) from (
    select org_id, id, turn_id from sessions s
    where :judging and wait_expires_at <= now() and (
      select j.id from graphile_worker.jobs j
      where j.key = 'wait:' || s.turn_id and j.attempts < j.max_attempts
        and (
          j.locked_at is null and (j.attempts < 3 or j.run_at <= now())
          or j.locked_at > now() - interval '5 seconds'
        )
    ) is null
    order by wait_expires_at limit 100
  ) waits
), gone as (
  delete from nodes where id = any(array(
    select n.id from nodes n
    where n.id <> :id and n.expires_at < now() - interval '1 minute'
      and not exists (select from turns t where t.node_id = n.id)
    for update skip locked
  ))
)
select (select draining from me) as draining, clock_timestamp()::timestamptz(3) as now,
  array(select id from nodes where id <> :id and expires_at > now()) as peers,
  (select count(*) from added)::int as readded,
  (select count(*) from late)::int as expired,
  array(
    select r.id from unnest(:taken::text[]) as r(id)
    where not exists (select from turns t where t.id = r.id and t.node_id = :id)
    union all
    select t.id from turns t where t.node_id = :id
      and (select turn_cancelled from sessions s where s.org_id = t.org_id and s.id = t.session_id)
  ) as lost,
  array(select t.id from turns t where t.node_id = :id and t.id <> all(:known::text[])) as strays,
  (select case when count(*) = ${queuedMax} then max(id) else '' end from queued) as after,
  ${history} as history`

export type LeaseTerms = {
  id: string
  version: string
  catalogHash: string
  role: string
  slots: number
  ms: number
  /**
   * The initial state of a node without a row, also after a crash of PostgreSQL, which empties the
   * table.
   */
  draining: boolean
  /**
   * True when no other node can exist. Else a node judges others only once its row is a whole lease
   * old.
   */
  alone: boolean
}

export type Renewal = {
  /** True when turns without a living node are enqueued again. */
  judging: boolean
  /** Turns that this node has taken, and all turns that it tracks. */
  taken: string[]
  known: string[]
  /** Turns in its name that it does not run: they are enqueued again too. */
  strays: string[]
  /** The queued turn after which this renewal checks the next ones; '': from the first one. */
  after: string
}

export type Renewed = {
  /** This node must take no new turns. */
  draining: boolean
  /** The database's clock. */
  now: string
  /** The ids of the other living nodes. */
  peers: string[]
  readded: number
  /** Parked turns whose wait has expired. */
  expired: number
  /**
   * Taken turns that have ended, moved to another node or were cancelled: their signal may have
   * been lost.
   */
  lost: string[]
  /** Turns in this node's name that it does not run. */
  strays: string[]
  /** The queued turn after which the next renewal checks. */
  after: string
  /** The identity of the database's history. */
  history: string | null
}

/**
 * Renews a node's lease for `ms` by the database's clock, and reads the number of other living
 * nodes and the state of this node's turns. With `judging`, turns without a living node, and some
 * of those that no node took within a second, are enqueued again if no job waits for them. Parked
 * turns whose wait has expired get a job that ends them.
 */
export async function renewLease(
  { db, history }: { db: Db; history: Pick<History, 'expression'> },
  terms: LeaseTerms,
  renewal: Renewal,
) {
  const { suffix, text } = history.expression()
  const renew = statement(`renew-lease${suffix}`, renewText(text))
  const values = valuesOf(renew, { ...terms, ...renewal, refusedMs })
  const [renewed] = await db.run<Renewed>(renew, values)
  return renewed!
}

const endOne: Statement = {
  name: 'end-lease',
  text: `
with kept as (
  update nodes n set expires_at = now()
  where id = $1 and exists (select from turns t where t.node_id = n.id) returning id
)
delete from nodes where id = $1 and not exists (select from kept)`,
}

/** Ends a node's lease. Its row stays while it has turns. */
export async function endLease(db: Db, id: string): Promise<void> {
  await db.run(endOne, [id])
}

/** Ends every lease, where only one node can exist. */
export async function endLeases(db: Db): Promise<void> {
  await db.kysely.deleteFrom('nodes').execute()
}

const columns = `
  n.id, n.version, n.catalog_hash, n.role, n.slots,
  (select count(*) from turns t where t.node_id = n.id)::int as used_slots,
  n.expires_at > now() as alive, n.draining, n.expires_at as lease_until, n.started_at`

const list: Statement = {
  name: 'list-workers',
  text: `
select ${columns} from nodes n order by started_at, id offset $1 limit $2`,
}

/** Lists nodes that live now, lived a minute ago, or have left turns, the oldest first. */
export async function listWorkers(db: Db, { offset, limit }: { offset: number; limit: number }) {
  const data = await db.run<Worker>(list, [offset, limit])
  const { total } = await db.kysely
    .selectFrom('nodes')
    .select(({ fn }) => fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow()
  return { data, total }
}

const drain: Statement = {
  name: 'drain-worker',
  text: `
with n as (update nodes set draining = $2 where id = $1 returning *) select ${columns} from n`,
}

/** Sets whether a node drains. Undefined for an unknown node. */
export async function setDraining(db: Db, id: string, draining: boolean) {
  const [changed] = await db.run<Worker>(drain, [id, draining])
  return changed
}

const health: Statement = {
  name: 'durable-health',
  text: `
select
  (select count(*) from turns where org_id = $1 and node_id is null)::int as queued,
  (select count(*) from turns where org_id = $1 and node_id is not null)::int as running,
  (select count(*) from sessions s
    where org_id = $1 and waiting_for is not null and not exists (select from turns where id = s.turn_id))::int as waiting,
  (select count(*) from (
    select from failed_turns where org_id = $1 and retried_as is null limit 10000
  ) f)::int as failed,
  (select min(created_at) from turns where org_id = $1 and node_id is null) as oldest_queued_at,
  (select count(*) from turns t where org_id = $1 and node_id is not null and not exists (
    select from nodes where id = t.node_id and expires_at > now()
  ))::int as lost,
  array(
    select distinct hook from hook_positions
    where due_at is not null and behind_since < now() - interval '5 minutes' and ($2 or org_id = $1)
    order by hook
  ) as hooks_behind,
  count(*) filter (where role <> 'api' and not draining)::int as taking,
  count(*)::int as alive,
  count(*) filter (where draining)::int as draining,
  coalesce(sum(slots) filter (where role <> 'api' and not draining), 0)::int as slots,
  (select count(*) from turns where node_id is not null)::int as used_slots
from nodes where expires_at > now()`,
}

export type HealthCounts = {
  queued: number
  running: number
  waiting: number
  failed: number
  oldest_queued_at: string | null
  /** Running turns whose node has died. */
  lost: number
  /** Event hooks that have not processed an event for five minutes. */
  hooks_behind: string[]
  /** Nodes that take turns. */
  taking: number
  /** The fields from here on count all organizations. */
  alive: number
  draining: number
  slots: number
  used_slots: number
}

/**
 * Counts the turns of an organization by state, and the nodes, which all organizations share. Looks
 * at the event hooks of the organization; for an operator, of all.
 */
export async function readHealth(db: Db, orgId: string, forOperator: boolean) {
  const [counts] = await db.run<HealthCounts>(health, [orgId, forOperator])
  return counts!
}
