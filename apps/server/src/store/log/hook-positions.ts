/** Positions of event hooks in the logs of sessions. Triggers create them and add their jobs. */
import type { Db, Statement } from '../database.ts'
import { statement, valuesOf } from '../statements.ts'
import { type EventMark, hasEvent } from './lost-events.ts'

const register: Statement = {
  name: 'register-event-hooks',
  text: 'select register_event_hooks($1::text[])',
}

/**
 * Records hooks that a node has. A new one is called with the events stored from now on.
 * Contract: the first hook of a database fails while a transaction holds the sessions; retry.
 */
export async function registerEventHooks(db: Db, hooks: readonly string[]): Promise<void> {
  if (hooks.length > 0) await db.run(register, [hooks])
}

/** SQL: true when the node that has the claim on a position `p` is alive. */
const isClaimed = 'exists (select from nodes n where n.id = p.node_id and n.expires_at > now())'

const claim = statement(
  'claim-hook-position',
  `
update hook_positions p set node_id = :nodeId, claim = claim + 1
where session_id = :sessionId and hook = :hook and due_at <= now() and (node_id = :nodeId or not ${isClaimed})
returning org_id as "orgId", session_id as "sessionId", hook, claim, sequence, failures`,
)

/** One node's right to call a hook with the events of a session after `sequence`. */
export type HookClaim = {
  orgId: string
  sessionId: string
  hook: string
  claim: number
  sequence: number
  /** Failed calls and dead nodes since the position last moved. */
  failures: number
}

type HookOf = { hook: string; sessionId: string }

/**
 * Claims a position that is due. Undefined when it is not due or another living node has it.
 * Contract: a node claims a position again only when it has ended its earlier claim.
 */
export async function claimPosition(db: Db, of: HookOf & { nodeId: string }) {
  const [claimed] = await db.run<HookClaim>(claim, valuesOf(claim, of))
  return claimed
}

/** SQL: the claim is current, and the log contains the event of the new position. */
const isCurrent = `session_id = :sessionId and hook = :hook and claim = :claim
  and (sequence = :at or ${hasEvent(':at', ':ts')})`

/** SQL: since when the next event has been stored, at the earliest. */
const behindSince = 'case when sequence = :at then behind_since else :ts::timestamptz end'

const isDone = '(:isLast and head <= :at)'

const move = statement(
  'move-hook-position',
  `
update hook_positions set
  sequence = :at,
  failures = 0,
  node_id = case when ${isDone} then null else node_id end,
  behind_since = case when ${isDone} then null else ${behindSince} end,
  due_at = case when ${isDone} then null else due_at end
where ${isCurrent}
returning due_at is null as done`,
)

/**
 * Moves a position to the event that the hook has processed last; with `isLast` the claim ends
 * unless events were stored meanwhile. Undefined, with no effect, when another claim has begun or
 * the event was lost with its commit.
 */
export async function movePosition(db: Db, of: HookClaim, at: EventMark, isLast: boolean) {
  const values = valuesOf(move, { ...of, at: at.sequence, ts: at.ts, isLast })
  const [moved] = await db.run<{ done: boolean }>(move, values)
  return moved
}

const leave = statement(
  'leave-hook-position',
  `
update hook_positions set
  sequence = :at,
  failures = case when not :failed then 0 when sequence = :at then failures + 1 else 1 end,
  node_id = null,
  behind_since = ${behindSince},
  due_at = clock_timestamp() + :afterMs * interval '1 millisecond'
where ${isCurrent}`,
)

export type Leaving = { afterMs: number; failed: boolean }

/** Ends a claim before the last event. The position is due again after `afterMs`. */
export async function leavePosition(db: Db, of: HookClaim, at: EventMark, leaving: Leaving) {
  await db.run(leave, valuesOf(leave, { ...of, at: at.sequence, ts: at.ts, ...leaving }))
}

/** Time after which a job that is due counts as lost. */
const lateAfter = `interval '30 seconds'`

/** SQL: the positions that have been due the longest. Those whose job was lost are among them. */
const longestDue = `due_at <= coalesce(
    (select due_at from hook_positions where hook = :hook and due_at is not null order by due_at offset 1000 limit 1),
    'infinity'
  )`

/** SQL: a position whose node has died twice is delayed, since its event may end the process. */
const recoveredAt = `clock_timestamp() + case
    when p.node_id is null or p.failures < 2 then 0 else least(300, 2 ^ least(p.failures, 9))
  end * interval '1 second'`

const recover = statement(
  'recover-hook-positions',
  `
with lost as (
  select session_id from hook_positions p
  where hook = :hook and due_at is not null and ${longestDue} and case
    when node_id is null then due_at < now() - ${lateAfter}
    else not ${isClaimed} and exists (
      select from nodes n where n.id = :nodeId and n.expires_at > now() and n.started_at < now() - :leaseMs * interval '1 millisecond'
    )
  end
  for update skip locked
), recovered as (
  update hook_positions p set
    node_id = null,
    failures = failures + case when p.node_id is null then 0 else 1 end,
    due_at = ${recoveredAt}
  from lost where p.session_id = lost.session_id and p.hook = :hook
)
select session_id from hook_positions
where hook = :hook and due_at is not null and node_id = :nodeId and ${longestDue}`,
)

/**
 * Enqueues positions again whose node has died or whose job was lost. A node judges others only
 * once its own lease is `leaseMs` old. Returns the sessions that the node itself has claimed.
 */
export async function recoverPositions(
  db: Db,
  of: { hook: string; nodeId: string; leaseMs: number },
): Promise<string[]> {
  const rows = await db.run<{ session_id: string }>(recover, valuesOf(recover, of))
  return rows.map(({ session_id }) => session_id)
}

const delays: Statement = {
  name: 'event-hook-delays',
  text: `
select h.name as hook, coalesce(extract(epoch from clock_timestamp() - min(p.behind_since)), 0)::float8 as seconds
from event_hooks h left join hook_positions p on p.hook = h.name and p.due_at is not null
group by h.name`,
}

/** The age of the oldest event that a hook has not processed; 0 without one. */
export type HookDelay = { hook: string; seconds: number }

export const readHookDelays = (db: Db) => db.run<HookDelay>(delays, [])

const rowsAtOnce = 5_000

/** Reads one page of all positions: no statement takes long, even for many rows. */
const removeUnused: Statement = {
  name: 'sweep-hook-positions',
  text: `
with page as (
  select session_id, hook from hook_positions where (session_id, hook) > ($1, $2)
  order by session_id, hook limit ${rowsAtOnce}
), d as (
  delete from hook_positions where (session_id, hook) in (
    select session_id, hook from page where hook = any($3::text[])
  )
)
select session_id, hook from page order by session_id desc, hook desc limit 1`,
}

const unused: Statement = {
  name: 'unused-event-hooks',
  text: `select name from event_hooks where seen_at < now() - interval '7 days'`,
}

const remove: Statement = {
  name: 'delete-unused-event-hooks',
  text: `delete from event_hooks where name = any($1::text[]) and seen_at < now() - interval '7 days'`,
}

/** Deletes hooks that no node has had for a week, with their positions and jobs. */
export async function sweepEventHooks(db: Db): Promise<void> {
  const names = (await db.run<{ name: string }>(unused, [])).map(({ name }) => name)
  if (names.length === 0) return
  let last: { session_id: string; hook: string } | undefined = { session_id: '', hook: '' }
  while (last) {
    const values: unknown[] = [last.session_id, last.hook, names]
    last = (await db.run<{ session_id: string; hook: string }>(removeUnused, values))[0]
  }
  await db.run(remove, [names])
}
