import type { WaitingFor } from '@outlast/contract'
import { atomically, type Db, type Statement } from '../database.ts'
import { appendEvents, eventLists, listedEvents, type NewEvent } from '../log/log-sql.ts'
import { type EventMark, hasEvent } from '../log/lost-events.ts'
import { shardOf } from '../shards.ts'
import { statement, valuesOf } from '../statements.ts'
import { type TurnRun, wakeParked } from './turns.ts'

/** The input that a turn waits for, and when the first part of it expires. */
export type TurnWait = { waitingFor: WaitingFor; expiresAt: string }

/** The place in the log at which a turn is parked, on the node that has it. */
export type ParkedAt = { nodeId: string; last: EventMark; waitingFor: WaitingFor }

const park = statement(
  'park-turn',
  `
with s as (
  update sessions set
    waiting_for = :waitingFor, wait_expires_at = :expiresAt, turn_node = null, turn_tries = 0, updated_at = clock_timestamp()
  where org_id = :orgId and id = :sessionId and turn_id = :turnId and turn_attempt = :attempt and turn_node = :nodeId
    and sequence = :sequence and not turn_cancelled and ${hasEvent(':sequence', ':ts')}
  returning turn_id
), d as (
  delete from turns where id = (select turn_id from s)
)
select turn_id from s`,
)

/**
 * Parks a turn until it is answered: it has no node and no job. A lease renewal finds it when its
 * wait expires; null: never.
 * Contract: false, with no effect, when the attempt is not the current one or an event was
 * appended.
 */
export async function parkTurn(
  db: Db,
  run: TurnRun,
  at: ParkedAt & { expiresAt: string | null },
): Promise<boolean> {
  const { nodeId, last, waitingFor, expiresAt } = at
  const given = { ...run, ...last, nodeId, expiresAt, waitingFor: JSON.stringify(waitingFor) }
  const parked = await db.run(park, valuesOf(park, given))
  return parked.length > 0
}

const wake: Statement = { name: 'wake-budget', text: 'select wake_budget($1) as woken' }

/**
 * Gives the turns that wait for a budget their jobs, as far as it has enough left. A change of a
 * budget does this by itself.
 */
export async function wakeBudget(db: Db, budgetId: string): Promise<void> {
  await db.run(wake, [budgetId])
}

/** Steps from budget to budget in the index of turns that wait for one. */
const readd: Statement = {
  name: 'readd-budget-jobs',
  text: `
with recursive awaited as (
  (select waiting_for->>'budget_id' as id from sessions
    where waiting_for is not null and waiting_for->>'budget_id' is not null order by 1 limit 1)
  union all
  select s.id from awaited a, lateral (
    select waiting_for->>'budget_id' as id from sessions
    where waiting_for is not null and waiting_for->>'budget_id' > a.id order by 1 limit 1
  ) s
)
select graphile_worker.add_job(
  'budget',
  json_build_object('budget_id', a.id),
  job_key => 'budget:' || a.id,
  job_key_mode => 'preserve_run_at'
) from awaited a
where not exists (
  select from graphile_worker.jobs j
  where j.key = 'budget:' || a.id and j.locked_at is null and j.attempts < j.max_attempts
) limit 1000`,
}

/**
 * Adds the missing jobs of budgets that turns wait for, at most 1,000: a job is lost with its node,
 * or with the last commits of the database. A job that is just running is added once more, which is
 * harmless.
 */
export async function readdBudgetJobs(db: Db): Promise<void> {
  await db.run(readd, [])
}

/**
 * Parks a turn until a budget has more. If it has by now, the turn gets a job at once.
 * Contract: like `parkTurn`.
 */
export function parkForBudget(db: Db, run: TurnRun, at: ParkedAt): Promise<boolean> {
  return atomically(db, async (db) => {
    const isParked = await parkTurn(db, run, { ...at, expiresAt: null })
    // After the session is locked: a change of the budget waits, or is seen here.
    if (isParked) await wakeBudget(db, at.waitingFor.budget_id!)
    return isParked
  })
}

const hold = statement(
  'hold-turn',
  `
select waiting_for is not null as parked from sessions
where org_id = :orgId and id = :sessionId and turn_id = :turnId and sequence = :sequence and not turn_cancelled
  and (:attempt::integer is null or turn_attempt = :attempt) and (:ts::timestamptz is null or ${hasEvent(':sequence', ':ts')})
for no key update`,
)

const answer = statement(
  'answer-calls',
  `
with s as (
  update sessions set
    sequence = sequence + :added,
    turn_tries = 0,
    waiting_for = :waitingFor,
    wait_expires_at = :expiresAt,
    stored_bytes = stored_bytes + :bytes,
    updated_at = clock_timestamp()
  where org_id = :orgId and id = :sessionId
  returning org_id, id, agent_id, turn_id, sequence, updated_at, :added::integer as added
), ${appendEvents(listedEvents)}, ${wakeParked('from s where :wakes')}, c as (
  insert into counters as c (org_id, agent_id, shard, stored_bytes) select org_id, agent_id, :shard, :bytes from s
  on conflict (org_id, agent_id, shard) do update set stored_bytes = c.stored_bytes + excluded.stored_bytes
)
select sequence, updated_at::timestamptz(3) as ts, (select count(*) from wakes) as jobs from s`,
)

export type AnswerAppend = {
  /** The log's last event at the decision; `ts` if it may be of a lost history. */
  sequence: number
  ts?: string
  events: NewEvent[]
  /** The remaining wait of a parked turn; undefined: the turn resumes. */
  wait: TurnWait | undefined
}

/**
 * Appends a client's or person's answer to a turn's log, only if nothing was appended since
 * `sequence`, and resumes a parked turn. A turn with a named attempt is running, and needs no job.
 * Undefined, with no effect, when an event was appended, or the turn has ended, is cancelled or is
 * at another attempt.
 */
export function answerCalls(db: Db, run: TurnRun, { sequence, ts, events, wait }: AnswerAppend) {
  return atomically(db, async (db) => {
    const where = { ...run, sequence, ts: ts ?? null }
    const [held] = await db.run<{ parked: boolean }>(hold, valuesOf(hold, where))
    if (!held) return undefined
    const stays = held.parked && wait !== undefined
    const given = {
      ...run,
      ...eventLists(events),
      added: events.length,
      waitingFor: stays ? JSON.stringify(wait.waitingFor) : null,
      bytes: events.reduce((sum, { data }) => sum + data.length, 0),
      wakes: held.parked && !stays && run.attempt === null,
      expiresAt: stays ? wait.expiresAt : null,
      shard: shardOf(run.sessionId),
    }
    const values = valuesOf(answer, given)
    const [stored] = await db.run<{ sequence: number; ts: string }>(answer, values)
    return stored
  })
}
