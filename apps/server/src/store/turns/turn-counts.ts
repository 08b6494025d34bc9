import type { Db, Statement } from '../database.ts'

/** Counts of the turns in the whole database by state. */
export type TurnCounts = {
  running: number
  /** Accepted, and not yet taken by a node. */
  queued: number
  /** Parked until a client or a person answers, or a budget has room. Counted up to a limit. */
  waiting: number
  /** 0 while none waits for a node. */
  queue_age_seconds: number
}

export const waitingMax = 10_000

const counts: Statement = {
  name: 'turn-counts',
  text: `
select
  count(*) filter (where node_id is not null)::int as running,
  count(*) filter (where node_id is null)::int as queued,
  coalesce(extract(epoch from clock_timestamp() - min(created_at) filter (where node_id is null)), 0)::float8
    as queue_age_seconds,
  (select count(*) from (select from sessions where waiting_for is not null limit $1) parked)::int as waiting
from turns`,
}

export async function readTurnCounts(db: Db): Promise<TurnCounts> {
  const [row] = await db.run<TurnCounts>(counts, [waitingMax])
  return row!
}
