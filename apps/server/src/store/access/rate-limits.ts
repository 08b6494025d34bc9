import type { Db, Statement } from '../database.ts'

/** A token bucket that all nodes share. It holds `capacity` tokens and refills within `seconds`. */
export type Bucket = { subject: string; capacity: number; seconds: number }

const spend: Statement = {
  name: 'spend-tokens',
  text: `
insert into rate_limits as r (subject, tokens, capacity, seconds)
select n.subject, n.capacity - n.amount, n.capacity, n.seconds
from unnest($1::text[], $2::float8[], $3::float8[], $4::float8[]) as n(subject, capacity, seconds, amount)
order by n.subject
on conflict (subject) do update set
  tokens = greatest(
    least(
      excluded.capacity,
      r.tokens + extract(epoch from clock_timestamp() - r.updated_at) * excluded.capacity / excluded.seconds
    ) - (excluded.capacity - excluded.tokens),
    -excluded.capacity
  ),
  capacity = excluded.capacity,
  seconds = excluded.seconds,
  updated_at = clock_timestamp()
returning subject, tokens`,
}

/**
 * Takes tokens from buckets and returns the rest of each by subject. A negative rest means that the
 * bucket held too few.
 * Contract: each subject occurs once.
 */
export async function spendTokens(db: Db, spent: (Bucket & { amount: number })[]) {
  const rows = await db.run<{ subject: string; tokens: number }>(spend, [
    spent.map(({ subject }) => subject),
    spent.map(({ capacity }) => capacity),
    spent.map(({ seconds }) => seconds),
    spent.map(({ amount }) => amount),
  ])
  return new Map(rows.map(({ subject, tokens }) => [subject, tokens]))
}

/** Refills a bucket completely. */
export async function refillBucket({ kysely }: Db, subject: string): Promise<void> {
  await kysely.deleteFrom('rate_limits').where('subject', '=', subject).execute()
}

const sweep: Statement = {
  name: 'sweep-rate-limits',
  text: `
delete from rate_limits
where extract(epoch from clock_timestamp() - updated_at) * capacity / seconds + tokens >= capacity`,
}

/** Deletes buckets that have refilled. */
export async function sweepBuckets(db: Db): Promise<void> {
  await db.run(sweep, [])
}
