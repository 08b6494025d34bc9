import type { WaitingFor } from '@outlast/contract'
import { atomically, type Db, type Statement } from './database.ts'
import { type NewEvent, randomShard, type TurnRun, wakeParked } from './turns.ts'

/** What a turn waits for, and when the first of it ends by itself. */
export type Wait = { waitingFor: WaitingFor; expiresAt: string }

const addExpiry = (from: string, at: string) => `
  select graphile_worker.add_job(
    'expire',
    json_build_object('org_id', org_id, 'session_id', id, 'turn_id', turn_id),
    job_key => 'wait:' || turn_id,
    run_at => ${at}::timestamptz
  ) ${from}`

const park: Statement = {
  name: 'park-turn',
  text: `
with s as (
  update sessions set waiting_for = $7, turn_node = null, turn_tries = 0, updated_at = clock_timestamp()
  where org_id = $1 and id = $2 and turn_id = $3 and turn_attempt = $4 and turn_node = $5
    and sequence = $6 and not turn_cancelled
  returning org_id, id, turn_id
), d as (
  delete from turns where id = (select turn_id from s)
), j as (${addExpiry('from s', '$8')})
select (select count(*) from j) as jobs from s`,
}

/**
 * Lays a turn down until it is answered: no node has it, no job is there for it but the one that ends the wait.
 * Contract: false, and nothing done, when the attempt is not the current one or anything was added to the log.
 */
export async function parkTurn(
  db: Db,
  run: TurnRun,
  at: Wait & { nodeId: string; sequence: number },
): Promise<boolean> {
  const { nodeId, sequence, waitingFor, expiresAt } = at
  const { orgId, sessionId, turnId, attempt } = run
  const where = [orgId, sessionId, turnId, attempt, nodeId, sequence]
  const parked = await db.run(park, [...where, JSON.stringify(waitingFor), expiresAt])
  return parked.length > 0
}

const hold: Statement = {
  name: 'hold-turn',
  text: `
select waiting_for is not null as parked from sessions
where org_id = $1 and id = $2 and turn_id = $3 and sequence = $4 and not turn_cancelled
  and ($5::integer is null or turn_attempt = $5)
for no key update`,
}

const answer: Statement = {
  name: 'answer-calls',
  text: `
with s as (
  update sessions set
    sequence = sequence + $3,
    turn_tries = 0,
    waiting_for = $7,
    stored_bytes = stored_bytes + $8,
    updated_at = clock_timestamp()
  where org_id = $1 and id = $2
  returning org_id, id, agent_id, turn_id, sequence, updated_at
), e as (
  insert into events (session_id, sequence, type, ts, context, data)
  select s.id, s.sequence - $3 + n.ord, n.type, s.updated_at, n.context, n.data
  from s, unnest($4::text[], $5::json[], $6::json[]) with ordinality as n(type, context, data, ord)
), ${wakeParked('from s where $9')}, w as (${addExpiry('from s where $10::text is not null', '$10')}
), c as (
  insert into counters as c (org_id, agent_id, shard, stored_bytes) select org_id, '', $11, $8 from s
  on conflict (org_id, agent_id, shard) do update set stored_bytes = c.stored_bytes + excluded.stored_bytes
)
select sequence, updated_at::timestamptz(3) as ts,
  (select count(*) from wakes) + (select count(*) from w) as jobs
from s`,
}

export type Answering = {
  /** What the log ended with when the events were decided on. */
  sequence: number
  events: NewEvent[]
  /** What a parked turn waits for from here on; without it, it goes on. */
  wait: Wait | undefined
}

/**
 * Adds what others than the turn's node decided to a turn's log, only if nothing was added since `sequence`, and lets a
 * parked turn go on. Undefined, and nothing done, when something was, or the turn is over, cancelled or, where the run has
 * one, at another attempt.
 */
export function answerCalls(db: Db, run: TurnRun, { sequence, events, wait }: Answering) {
  const { orgId, sessionId, turnId, attempt } = run
  return atomically(db, async (db) => {
    const where = [orgId, sessionId, turnId, sequence, attempt]
    const [held] = await db.run<{ parked: boolean }>(hold, where)
    if (!held) return undefined
    const stays = held.parked && wait !== undefined
    const [stored] = await db.run<{ sequence: number; ts: string }>(answer, [
      orgId,
      sessionId,
      events.length,
      events.map(({ type }) => type),
      events.map(({ context }) => context),
      events.map(({ data }) => data),
      stays ? JSON.stringify(wait.waitingFor) : null,
      events.reduce((sum, { data }) => sum + data.length, 0),
      held.parked && !stays,
      stays ? wait.expiresAt : null,
      randomShard(),
    ])
    return stored
  })
}

const postpone: Statement = {
  name: 'postpone-expiry',
  text: `with s as (
  select org_id, id, turn_id from sessions
  where org_id = $1 and id = $2 and turn_id = $3 and waiting_for is not null
), j as (${addExpiry('from s', '$4')})
select count(*) as jobs from j`,
}

/** Looks at a parked turn again at that time. */
export async function postponeExpiry(db: Db, run: Omit<TurnRun, 'attempt'>, expiresAt: string) {
  await db.run(postpone, [run.orgId, run.sessionId, run.turnId, expiresAt])
}
