import { hash } from 'node:crypto'
import type { ChannelConfig, ChannelSpendingLimit } from '@outlast/contract'
import type { Db, Statement } from '../database.ts'
import { statement, valuesOf } from '../statements.ts'

/**
 * The spending limit of a channel is a budget of each of its users, with the subject type
 * `channel_user`. It is created with the first session or message of the user.
 */
const type = 'channel_user'

export type ChannelUser = { orgId: string; channelId: string; keyId: string; user: string }

/** As `budget_subjects` in the database. */
const subjectIdOf = ({ channelId, keyId, user }: ChannelUser) => `${channelId} ${keyId} ${user}`

/** One budget for a user and a currency, whichever node creates it. */
const budgetIdOf = (subjectId: string, currency: string) =>
  `bdgt_${hash('sha256', `${subjectId} ${currency}`).slice(0, 32)}`

const columns = 'status, limit_amount, period_started_at, period_ends_at, refused_at, updated_at'

/**
 * Creates the budget, or gives it the amount of the settings, which are read here: cached ones may
 * be of a moment ago. It is used up if nothing is left, or not enough for a call that was refused
 * since.
 */
const keep = statement(
  'keep-channel-limit',
  `
with found as (
  select ${columns} from budgets where id = :id
), wanted as (
  select round((config->'spending_limit'->>'amount')::numeric, 6) as amount from agent_channels
  where org_id = :orgId and id = :channelId and config->'spending_limit'->>'currency' = :currency
    and not exists (
      select from found
      where limit_amount = round((config->'spending_limit'->>'amount')::numeric, 6) and status <> 'disabled'
    )
  for share
), kept as (
  insert into budgets as b (org_id, id, subject_type, subject_id, currency, limit_amount, period, on_exhausted)
  select :orgId, :id, '${type}', :subjectId, :currency, amount,
    '{"type": "calendar", "unit": "day", "time_zone": "UTC"}', 'fail'
  from wanted
  on conflict (id) do update set
    limit_amount = excluded.limit_amount, status = case when b.status = 'disabled' then 'active' else b.status end,
    updated_at = clock_timestamp()
  returning ${columns}
)
select status <> 'disabled' and period_ends_at > clock_timestamp() and (
    status = 'exhausted'
    or refused_at >= greatest(period_started_at, updated_at)
  ) as "isUsedUp",
  extract(epoch from period_ends_at - clock_timestamp())::float8 as "secondsLeft"
from (select * from kept union all select * from found where not exists (select from kept)) b`,
)

/** Returns the seconds until the next period if the limit of a user is used up, else undefined. */
export async function secondsUntilLimit(
  db: Db,
  user: ChannelUser,
  { currency }: ChannelSpendingLimit,
): Promise<number | undefined> {
  const subjectId = subjectIdOf(user)
  const { orgId, channelId } = user
  const given = { orgId, channelId, id: budgetIdOf(subjectId, currency), subjectId, currency }
  const values = valuesOf(keep, given)
  const [row] = await db.run<{ isUsedUp: boolean; secondsLeft: number }>(keep, values)
  return row?.isUsedUp ? Math.max(1, Math.ceil(row.secondsLeft)) : undefined
}

type LimitedChannel = { orgId: string; id: string }

const awaitedOfChannel = `
  org_id = $1 and subject_type = '${type}' and starts_with(subject_id, $2 || ' ') and awaited`

const disable: Statement = {
  name: 'disable-channel-limits',
  text: `
update budgets set status = 'disabled', updated_at = clock_timestamp()
where id in (select id from budgets where ${awaitedOfChannel} and status <> 'disabled' order by id for update)`,
}

/**
 * Wakes the turns that wait for the limit that a change of the settings removes. Its budgets apply
 * to no call from then on (`budget_applies` in the database).
 */
export async function followLimit(
  db: Db,
  { orgId, id }: LimitedChannel,
  { before, after }: { before: ChannelConfig; after: ChannelConfig },
): Promise<void> {
  const was = before.spending_limit?.currency
  if (was === undefined || was === after.spending_limit?.currency) return
  await db.run(disable, [orgId, id])
}

const remove: Statement = {
  name: 'delete-channel-limits',
  text: `
delete from budgets
where id in (select id from budgets where ${awaitedOfChannel} order by id for update)`,
}

/**
 * Wakes the turns that wait for the limit of a deleted channel. A sweep deletes its budgets, which
 * apply to no call meanwhile.
 */
export async function wakeTurnsOfChannel(db: Db, { orgId, id }: LimitedChannel): Promise<void> {
  await db.run(remove, [orgId, id])
}
