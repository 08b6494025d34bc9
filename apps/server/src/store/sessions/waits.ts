import type { WaitingFor } from '@outlast/contract'
import { atomically, type Db, type Statement } from '../database.ts'
import { eventRows, jsonList } from '../json-lists.ts'
import { shardOf } from '../shards.ts'
import { type EventMark, hasEvent } from './lost-events.ts'
import { type NewEvent, type TurnRun, wakeParked } from './turns.ts'

/** What a turn waits for, and when the first of it ends by itself. */
export type Wait = { waitingFor: WaitingFor; expiresAt: string }

const park: Statement = {
  name: 'park-turn',
  text: `
with s as (
  update sessions set
    waiting_for = $7, wait_expires_at = $8, turn_node = null, turn_tries = 0, updated_at = clock_timestamp()
  where org_id = $1 and id = $2 and turn_id = $3 and turn_attempt = $4 and turn_node = $5
    and sequence = $6 and not turn_cancelled and ${hasEvent('$6', '$9')}
  returning turn_id
), d as (
  delete from turns where id = (select turn_id from s)
)
select turn_id from s`,
}

/**
 * Lays a turn down until it is answered: no node has it, and no job is there for it. Who renews a lease finds it when its
 * time is over.
 * Contract: false, and nothing done, when the attempt is not the current one or anything was added to the log.
 */
export async function parkTurn(
  db: Db,
  run: TurnRun,
  at: Wait & { nodeId: string; last: EventMark },
): Promise<boolean> {
  const { nodeId, last, waitingFor, expiresAt } = at
  const { orgId, sessionId, turnId, attempt } = run
  const where = [orgId, sessionId, turnId, attempt, nodeId, last.sequence]
  const parked = await db.run(park, [...where, JSON.stringify(waitingFor), expiresAt, last.ts])
  return parked.length > 0
}

const hold: Statement = {
  name: 'hold-turn',
  text: `
select waiting_for is not null as parked from sessions
where org_id = $1 and id = $2 and turn_id = $3 and sequence = $4 and not turn_cancelled
  and ($5::integer is null or turn_attempt = $5) and ($6::timestamptz is null or ${hasEvent('$4', '$6')})
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
    wait_expires_at = $10,
    stored_bytes = stored_bytes + $8,
    updated_at = clock_timestamp()
  where org_id = $1 and id = $2
  returning org_id, id, agent_id, turn_id, sequence, updated_at
), e as (
  insert into events (session_id, sequence, type, ts, context, data)
  select s.id, s.sequence - $3 + n.ord, n.type, s.updated_at, n.context, n.data
  from s, ${eventRows('$4', '$5', '$6')}
), ${wakeParked('from s where $9')}, c as (
  insert into counters as c (org_id, agent_id, shard, stored_bytes) select org_id, agent_id, $11, $8 from s
  on conflict (org_id, agent_id, shard) do update set stored_bytes = c.stored_bytes + excluded.stored_bytes
)
select sequence, updated_at::timestamptz(3) as ts, (select count(*) from wakes) as jobs from s`,
}

export type Answering = {
  /** What the log ended with when the events were decided on; `ts` where it may be of a history that is lost. */
  sequence: number
  ts?: string
  events: NewEvent[]
  /** What a parked turn waits for from here on; without it, it goes on. */
  wait: Wait | undefined
}

/**
 * Adds what somebody decided to a turn's log, only if nothing was added since `sequence`, and lets a parked turn go on. A
 * turn whose attempt is named is being run, and needs no job. Undefined, and nothing done, when something was added, or
 * the turn is over, cancelled or at another attempt.
 */
export function answerCalls(db: Db, run: TurnRun, { sequence, ts, events, wait }: Answering) {
  const { orgId, sessionId, turnId, attempt } = run
  return atomically(db, async (db) => {
    const where = [orgId, sessionId, turnId, sequence, attempt, ts ?? null]
    const [held] = await db.run<{ parked: boolean }>(hold, where)
    if (!held) return undefined
    const stays = held.parked && wait !== undefined
    const [stored] = await db.run<{ sequence: number; ts: string }>(answer, [
      orgId,
      sessionId,
      events.length,
      events.map(({ type }) => type),
      jsonList(events.map(({ context }) => context)),
      jsonList(events.map(({ data }) => data)),
      stays ? JSON.stringify(wait.waitingFor) : null,
      events.reduce((sum, { data }) => sum + data.length, 0),
      held.parked && !stays && attempt === null,
      stays ? wait.expiresAt : null,
      shardOf(sessionId),
    ])
    return stored
  })
}
