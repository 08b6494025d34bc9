import type { Db, Statement } from '../database.ts'

/** Counts of one node for one minute, or of all nodes for several minutes. */
export type TurnMinute = {
  /** The start of the interval. */
  at: string
  completed: number
  failed: number
  cancelled: number
  turn_times: number[]
  first_token_times: number[]
}

const write: Statement = {
  name: 'write-turn-minutes',
  text: `
insert into turn_minutes (at, node_id, completed, failed, cancelled, turn_times, first_token_times)
select at, $1, completed, failed, cancelled, turn_times, first_token_times
from json_to_recordset($2) as m(
  at timestamptz, completed integer, failed integer, cancelled integer,
  turn_times integer[], first_token_times integer[]
)
on conflict (at, node_id) do update set
  completed = excluded.completed, failed = excluded.failed, cancelled = excluded.cancelled,
  turn_times = excluded.turn_times, first_token_times = excluded.first_token_times`,
}

/**
 * Stores a node's counts of these minutes as absolute values, so that a repetition changes nothing.
 */
export async function writeTurnMinutes(db: Db, nodeId: string, minutes: readonly TurnMinute[]) {
  await db.run(write, [nodeId, JSON.stringify(minutes)])
}

const read: Statement = {
  name: 'read-turn-minutes',
  text: `
with minutes as (
  select *, date_bin($2 * interval '1 minute', at, $1) as step from turn_minutes where at >= $1
), sums as (
  select step, sum(completed)::int as completed, sum(failed)::int as failed, sum(cancelled)::int as cancelled
  from minutes group by step
), counts as (
  select step, place, sum(turns)::int as turns, sum(first_tokens)::int as first_tokens
  from minutes, unnest(turn_times, first_token_times) with ordinality as u(turns, first_tokens, place)
  group by step, place
), times as (
  select step, array_agg(turns order by place) as turn_times, array_agg(first_tokens order by place) as first_token_times
  from counts group by step
)
select step as at, completed, failed, cancelled, turn_times, first_token_times
from sums join times using (step) order by step`,
}

/** Sums the counts of all nodes since a time in steps of `stepMinutes`, without empty steps. */
export function readTurnMinutes(db: Db, since: Date, stepMinutes: number): Promise<TurnMinute[]> {
  return db.run<TurnMinute>(read, [since.toISOString(), stepMinutes])
}

const sweep: Statement = {
  name: 'sweep-turn-minutes',
  text: "delete from turn_minutes where at < now() - interval '25 hours'",
}

/** Deletes minutes that no report includes any more. */
export async function sweepTurnMinutes(db: Db): Promise<void> {
  await db.run(sweep, [])
}
