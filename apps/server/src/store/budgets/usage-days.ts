import type { UsageReport, usageGroups } from '@outlast/contract'
import type { Db, Statement } from '../database.ts'
import { dollarsOf } from '../usage.ts'

export type UsageGroup = (typeof usageGroups)[number]

/** The columns to sum by, and their names on the wire. */
const columns = {
  day: 'day',
  agent: 'agent_id',
  model: 'model',
  user: 'user_id',
  key: 'key_id',
} as const satisfies Record<UsageGroup, string>

const wireNames = {
  day: 'day',
  agent: 'agent_id',
  model: 'model',
  user: 'user',
  key: 'key_id',
} as const satisfies Record<UsageGroup, keyof UsageReport['data'][number]>

const sums = `sum(calls)::bigint as model_calls, sum(input_tokens)::bigint as input_tokens,
  sum(output_tokens)::bigint as output_tokens, sum(cache_read_tokens)::bigint as cache_read_tokens,
  sum(cache_creation_tokens)::bigint as cache_creation_tokens, sum(cost_nanos)::bigint as cost_nanos`

/** The rows to sum. Each filter has a statement of its own, so that its index is used. */
const matching = (filters: readonly UsageGroup[]) => `usage_days
where org_id = $1 and day between $2::date and $3::date${filters
  .map((group, index) => ` and ${columns[group]} = $${index + 4}`)
  .join('')}`

type Filters = readonly (readonly [UsageGroup, string])[]

/** Days first, then the most expensive. Contract: the groups are in the order of `columns`. */
function reading(groups: readonly UsageGroup[], filters: readonly UsageGroup[]): Statement {
  const by = groups.map((group) => columns[group])
  const shown = by.map((column) => (column === 'day' ? 'day::text as day' : column))
  const order = ['cost_nanos desc nulls last', 'input_tokens + output_tokens desc', ...by]
  if (groups.includes('day')) order.unshift('day')
  const at = filters.length + 4
  return {
    name: `usage-by-${groups.join('-')}-of-${filters.join('-')}`,
    text: `
with grouped as (
  select ${[...by, sums].join(', ')} from ${matching(filters)} group by ${by.join(', ')}
)
select n.total, page.*
from (select count(*) as total from grouped) n left join (
  select ${shown.join(', ')}, model_calls, input_tokens, output_tokens, cache_read_tokens,
    cache_creation_tokens, cost_nanos
  from grouped order by ${order.join(', ')} offset $${at} limit $${at + 1}
) page on true
order by ${order.join(', ')}`,
  }
}

const summing = (filters: readonly UsageGroup[]): Statement => ({
  name: `usage-sum-of-${filters.join('-')}`,
  text: `select coalesce(sum(calls), 0)::bigint as model_calls, coalesce(sum(input_tokens), 0)::bigint as input_tokens,
  coalesce(sum(output_tokens), 0)::bigint as output_tokens, coalesce(sum(cache_read_tokens), 0)::bigint as cache_read_tokens,
  coalesce(sum(cache_creation_tokens), 0)::bigint as cache_creation_tokens, sum(cost_nanos)::bigint as cost_nanos
from ${matching(filters)}`,
})

export type UsageAsked = {
  from: string
  to: string
  groups: readonly UsageGroup[]
  filters: Filters
  offset: number
  limit: number
}

type Sums = Omit<UsageReport['sum'], 'cost_usd'> & { cost_nanos: number | null }
/** The sums are null in the one row of a page that is empty. */
type Row = Omit<Sums, 'model_calls'> & { total: number; model_calls: number | null } & {
  [Column in (typeof columns)[UsageGroup]]?: string
}

/** Reads the usage of model calls by day, agent, model, end user or key, and the sum of all. */
export async function readUsage(
  db: Db,
  orgId: string,
  { from, to, groups, filters, offset, limit }: UsageAsked,
): Promise<Pick<UsageReport, 'data' | 'total' | 'sum'>> {
  const names = filters.map(([group]) => group)
  const values = [orgId, from, to, ...filters.map(([, value]) => value)]
  const rows = await db.run<Row>(reading(groups, names), [...values, offset, limit])
  const [sum] = await db.run<Sums>(summing(names), values)
  const data = rows
    .filter((row): row is Row & Sums => row.model_calls !== null)
    .map((row) => ({ ...groupOf(row, groups), ...withDollars(row) }))
  return { data, total: rows[0]!.total, sum: withDollars(sum!) }
}

/** The values of a group by their names on the wire; an empty text is none. */
const groupOf = (row: Row, groups: readonly UsageGroup[]) =>
  Object.fromEntries(groups.map((group) => [wireNames[group], row[columns[group]] || null]))

const withDollars = ({ cost_nanos, model_calls, ...sums }: Sums): UsageReport['sum'] => ({
  model_calls,
  input_tokens: sums.input_tokens,
  output_tokens: sums.output_tokens,
  cache_read_tokens: sums.cache_read_tokens,
  cache_creation_tokens: sums.cache_creation_tokens,
  cost_usd: cost_nanos === null ? null : dollarsOf(cost_nanos),
})

const sweep: Statement = {
  name: 'sweep-usage-days',
  text: `
with d as (
  select ctid from usage_days where day < (now() at time zone 'UTC')::date - $1::integer limit 10000
)
delete from usage_days u using d where u.ctid = d.ctid returning 1`,
}

/** Deletes days that are older than `days`; 0 keeps all. */
export async function sweepUsageDays(db: Db, days: number): Promise<void> {
  while (days > 0 && (await db.run(sweep, [days])).length > 0);
}

const forget: Statement = {
  name: 'forget-user-in-usage',
  text: `
with d as (
  delete from usage_days where org_id = $1 and user_id = $2 returning *
)
insert into usage_days as u (org_id, day, agent_id, model, user_id, key_id, shard, calls, input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens, cost_nanos)
select org_id, day, agent_id, model, '', key_id, 0, sum(calls), sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), sum(cache_creation_tokens), sum(cost_nanos)
from d group by org_id, day, agent_id, model, key_id order by day, agent_id, model, key_id
on conflict (org_id, day, agent_id, model, user_id, key_id, shard) do update set
  calls = u.calls + excluded.calls,
  input_tokens = u.input_tokens + excluded.input_tokens,
  output_tokens = u.output_tokens + excluded.output_tokens,
  cache_read_tokens = u.cache_read_tokens + excluded.cache_read_tokens,
  cache_creation_tokens = u.cache_creation_tokens + excluded.cache_creation_tokens,
  cost_nanos = case when excluded.cost_nanos is null then u.cost_nanos else coalesce(u.cost_nanos, 0) + excluded.cost_nanos end`,
}

/** Counts the usage of an end user as that of none, so that sums stay and the id goes. */
export async function forgetUserInUsage(db: Db, orgId: string, user: string): Promise<void> {
  await db.run(forget, [orgId, user])
}
