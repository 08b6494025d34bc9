/** Sessions whose words nodes have to read. Triggers mark them in the statement of the change. */
import type { Db, Statement } from '../../database.ts'

const sessionsAtOnce = 50
const organizationsAtOnce = 50
/** Time after which other nodes read the sessions of a node that has died. */
const claimSeconds = 60

const nextOrganization = (after: string) => `(
  select org_id from search_due where org_id > ${after} and due_at <= clock_timestamp()
  order by org_id limit 1
)`

const claim: Statement = {
  name: 'claim-search-due',
  text: `
with recursive o(org_id, number) as (
  select n.org_id, 1 from ${nextOrganization('$1')} n
  union all
  select n.org_id, o.number + 1 from o cross join lateral (${nextOrganization('o.org_id')}) n
  where o.number < ${organizationsAtOnce}
), c as (
  update search_due set due_at = clock_timestamp() + interval '${claimSeconds} seconds'
  where session_id in (
    select d.session_id from o cross join lateral (
      select session_id from search_due d
      where d.org_id = o.org_id and d.due_at <= clock_timestamp()
      order by d.due_at limit greatest(1, ${sessionsAtOnce} / (select count(*) from o))
      for update skip locked
    ) d
  )
  returning org_id, session_id, changes
)
select c.org_id as "orgId", c.session_id as "sessionId", c.changes, s.id is not null as exists, s.title,
  coalesce(s.sequence, 0) as "upTo",
  (select ts from events e where e.session_id = s.id and e.sequence = s.sequence) as "upToTs",
  coalesce(d.sequence, 0) as after, coalesce(d.part, 1) as part, coalesce(d.part_words, 0) as "partWords"
from c left join sessions s on s.org_id = c.org_id and s.id = c.session_id
  left join search_sessions d on d.session_id = c.session_id`,
}

/** A session to read, up to where it was read, and up to where its log went at the claim. */
export type DueSession = {
  orgId: string
  sessionId: string
  changes: number
  exists: boolean
  title: string | null
  after: number
  upTo: number
  upToTs: string | null
  part: number
  partWords: number
}

/**
 * Claims the sessions that are due the longest of each organization after another one: each gets
 * the same share. A claim ends by itself.
 */
export const claimDueSessions = (db: Db, after: string) => db.run<DueSession>(claim, [after])

/** The organization after which the next claim begins: the first one unless there may be more. */
export function nextAfter(claimed: readonly DueSession[]): string {
  const organizations = [...new Set(claimed.map(({ orgId }) => orgId))].sort()
  return organizations.length < organizationsAtOnce ? '' : organizations.at(-1)!
}

const settle: Statement = {
  name: 'settle-search-due',
  text: `
with n as (
  select * from unnest($1::text[], $2::integer[], $3::text[]) as n(session_id, changes, outcome)
), d as (
  delete from search_due d using n
  where d.session_id = n.session_id and d.changes = n.changes and n.outcome = 'done'
  returning d.session_id
)
update search_due s
set due_at = clock_timestamp() + case when n.outcome = 'failed' then interval '10 minutes' else interval '1 second' end
from n where s.session_id = n.session_id and n.session_id not in (select session_id from d)`,
}

/**
 * Ends claims. A session that changed meanwhile, or has more to read, is due again soon; one that
 * failed much later.
 */
export async function settleDueSessions(
  db: Db,
  claimed: readonly DueSession[],
  outcomeOf: (session: DueSession) => 'done' | 'left' | 'failed',
): Promise<void> {
  await db.run(settle, [
    claimed.map(({ sessionId }) => sessionId),
    claimed.map(({ changes }) => changes),
    claimed.map(outcomeOf),
  ])
}

const older: Statement = {
  name: 'mark-older-sessions',
  text: `
with b as (
  select ctid, after_org, after_session from search_backfill limit 1 for update skip locked
), p as (
  select s.org_id, s.id from sessions s
  where (s.org_id, s.id) > ((select after_org from b), (select after_session from b))
  order by s.org_id, s.id limit ${sessionsAtOnce * 4}
), m as (
  insert into search_due (session_id, org_id, due_at) select id, org_id, clock_timestamp() from p
  on conflict do nothing
), u as (
  update search_backfill set (after_org, after_session) =
    (select org_id, id from p order by org_id desc, id desc limit 1)
  where ctid = (select ctid from b) and exists (select from p)
), d as (
  delete from search_backfill where ctid = (select ctid from b) and not exists (select from p)
)
select exists (select from search_backfill) as is_left`,
}

/** Marks some sessions that are older than the search. Returns whether others may be left. */
export async function markOlderSessions(db: Db): Promise<boolean> {
  const [row] = await db.run<{ is_left: boolean }>(older, [])
  return row!.is_left
}
