import { deleteAnswers } from '../access/idempotency-keys.ts'
import { atomically, type Db, type Statement } from '../database.ts'
import { isOfEndUser } from './budgets.ts'

const batchRows = 1_000

/** SQL: true for a session `s` of the user of a channel whose budget is `b`. */
const isOfChannelUser = `
  s.org_id = b.org_id and s.channel_id = split_part(b.subject_id, ' ', 1)
  and s.channel_key_id = split_part(b.subject_id, ' ', 2)
  and coalesce(s.user_id, '') = regexp_replace(b.subject_id, '^[^ ]+ [^ ]+ ', '')`

/**
 * A budget is deleted once a batch before has deleted its last entry. `next`: the first budget that
 * is left, or the last one that is deleted.
 */
const sweep: Statement = {
  name: 'sweep-budgets',
  text: `
with due as (
  select b.id from budgets b
  where b.id >= $3 and (b.status = 'disabled' and b.updated_at < now() - $1 * interval '1 day'
    or b.subject_type = 'session' and not exists (
      select from sessions s where s.org_id = b.org_id and s.id = b.subject_id
    )
    or b.subject_type = 'channel_user' and b.period_ends_at < now() - interval '1 day'
      and not exists (select from sessions s where ${isOfChannelUser} and s.turn_id is not null)
    or b.subject_type = 'channel_user' and not exists (
      select from agent_channels c where c.org_id = b.org_id and c.id = split_part(b.subject_id, ' ', 1)
    ))
  order by b.id limit $2 for update skip locked
), entries as (
  delete from budget_ledger where ctid = any(array(
    select l.ctid from due
      cross join lateral (select ctid from budget_ledger where budget_id = due.id limit $2) l
    limit $2
  )) returning 1
), ended as (
  delete from budgets b using due
  where b.id = due.id and not exists (select from budget_ledger l where l.budget_id = b.id)
  returning b.id
)
select ((select count(*) from entries) + (select count(*) from ended))::integer as deleted,
  coalesce((select min(id) from due where id not in (select id from ended)), (select max(id) from due)) as next`,
}

/**
 * Deletes the budgets of sessions that are gone, those deleted more than `days` ago, and those of
 * users of deleted channels, and those of users of channels that were not used since yesterday,
 * which their next message creates again: not while a turn of such a user runs or waits. The
 * entries of their ledgers go first.
 */
export async function sweepBudgets(db: Db, days: number, rowsAtOnce = batchRows): Promise<void> {
  for (let next = ''; ; ) {
    const values = [days, rowsAtOnce, next]
    const [batch] = await db.run<{ deleted: number; next: string }>(sweep, values)
    if (batch!.deleted === 0) return
    next = batch!.next
  }
}

/** Locks each budget before its shards, then the next one, as calls do. */
const hold: Statement = {
  name: 'hold-budgets-of-end-user',
  text: `
select whole_budget(b.id) from (
  select id from budgets where org_id = $1 and ${isOfEndUser} order by id
) b`,
}

const ofEndUser: Statement = {
  name: 'delete-budgets-of-end-user',
  text: `delete from budgets where org_id = $1 and ${isOfEndUser} returning id`,
}

/**
 * Deletes the budgets of an end user, which have the user's id, with the stored answers that
 * contain them. A trigger deletes their ledgers.
 */
export async function deleteBudgetsOfEndUser(db: Db, orgId: string, user: string): Promise<void> {
  await atomically(db, async (db) => {
    await db.run(hold, [orgId, user])
    const deleted = await db.run<{ id: string }>(ofEndUser, [orgId, user])
    // A statement of its own: an earlier top-up may commit its answer while this one waits.
    if (deleted.length > 0)
      await deleteAnswers(
        db,
        deleted.map(({ id }) => id),
      )
  })
}
