import { deleteAnswers } from '../access/idempotency-keys.ts'
import { atomically, type Db, type Statement } from '../database.ts'
import { isOfEndUser } from './budgets.ts'

const rowsAtOnce = 1_000

const sweep: Statement = {
  name: 'sweep-budgets',
  text: `
delete from budgets where id = any(array(
  select b.id from budgets b
  where b.status = 'disabled' and b.updated_at < now() - $1 * interval '1 day'
    or b.subject_type = 'session' and not exists (
      select from sessions s where s.org_id = b.org_id and s.id = b.subject_id
    )
    or b.subject_type = 'channel_user' and b.period_ends_at < now() - interval '1 day'
  order by b.id limit ${rowsAtOnce} for update skip locked
)) returning 1`,
}

/**
 * Deletes the budgets of sessions that are gone, those deleted more than `days` ago, and those of
 * users of channels that were not used since yesterday, which their next message creates again.
 */
export async function sweepBudgets(db: Db, days: number): Promise<void> {
  while ((await db.run(sweep, [days])).length === rowsAtOnce);
}

const ofEndUser: Statement = {
  name: 'delete-budgets-of-end-user',
  text: `
with d as (
  delete from budgets where id = any(array(
    select id from budgets where org_id = $1 and ${isOfEndUser} order by id for update
  )) returning id
), l as (
  delete from budget_ledger where budget_id in (select id from d)
)
select id from d`,
}

/**
 * Deletes the budgets of an end user, which have the user's id, with their ledgers and the stored
 * answers that contain them.
 */
export async function deleteBudgetsOfEndUser(db: Db, orgId: string, user: string): Promise<void> {
  await atomically(db, async (db) => {
    const deleted = await db.run<{ id: string }>(ofEndUser, [orgId, user])
    // A statement of its own: an earlier top-up may commit its answer while this one waits.
    if (deleted.length > 0)
      await deleteAnswers(
        db,
        deleted.map(({ id }) => id),
      )
  })
}
