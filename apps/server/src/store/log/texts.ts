import type { Db, Statement } from '../database.ts'
import { textList, textRows } from '../json-lists.ts'
import { type HashedText, touchHours } from '../stored-texts.ts'

/** The `agent_id` under which an organization's counters hold the bytes of its texts. */
export const countedTexts = 'texts'

const read: Statement = {
  name: 'read-texts',
  text: 'select hash, body from texts where org_id = $1 and hash = any($2)',
}

/** Reads the texts of an organization by their hashes. */
export async function textsOf(
  db: Db,
  orgId: string,
  hashes: string[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const missing = new Set<string>()
  for (const hash of hashes) {
    const body = db.texts.bodyOf(orgId, hash)
    if (body === undefined) missing.add(hash)
    else found.set(hash, body)
  }
  if (missing.size === 0) return found
  const since = db.texts.epoch()
  const rows = await db.run<{ hash: string; body: string }>(read, [orgId, [...missing]])
  for (const { hash, body } of rows) found.set(hash, body)
  db.texts.remember(orgId, rows, { since })
  return found
}

const staleBefore = `now() - interval '${touchHours} hours'`

/**
 * The part of a statement that stores the texts `n(hash, body)` of `from` and updates `used_at` of
 * existing ones. Returns the bytes of each new text, and null for an updated one. Texts that were
 * used within 12 h are neither locked nor returned.
 */
export const storeRows = (orgId: string, from: string) => `
  insert into texts (org_id, hash, body, is_counted)
  select distinct on (n.hash) ${orgId}, n.hash, n.body, true from ${from}
  where coalesce((select t.used_at < ${staleBefore} from texts t where t.org_id = ${orgId} and t.hash = n.hash), true)
  order by n.hash
  on conflict (org_id, hash) do update set used_at = now() where texts.used_at < ${staleBefore}
  returning case when xmax = 0 then octet_length(body) end as bytes`

const addUp = `
  on conflict (org_id, agent_id, shard) do update set stored_bytes = c.stored_bytes + excluded.stored_bytes`

const store: Statement = {
  name: 'store-texts',
  text: `
with x as (${storeRows('$1', textRows('$2', '$3'))})
insert into counters as c (org_id, agent_id, shard, stored_bytes)
select $1, '${countedTexts}', 0, sum(bytes) from x having count(bytes) > 0
${addUp}`,
}

/** Stores texts that events name by their hash. */
export async function storeTexts(
  db: Db,
  orgId: string,
  texts: readonly HashedText[],
): Promise<void> {
  const hashes = texts.map(({ hash }) => hash)
  await db.run(store, [orgId, hashes, textList(texts.map(({ body }) => body))])
}

const organizationsAtOnce = 1_000
const textsAtOnce = 200
const batchesMax = 100

/**
 * Deletes texts that were last used 2 days before the oldest session of their organization was
 * created. No event can name such a text, because an event is appended after its session was
 * created. `used_at` of its texts is at most 24 h older than the append: 12 h by the column, 12 h
 * by a node's cache. A fork, whose events are older than itself, updates `used_at` in its
 * statement. A text that is being stored or copied is locked, and skipped. A text that is being
 * deleted is inserted again by the statement that waits for it.
 */
const sweep: Statement = {
  name: 'sweep-texts',
  text: `
with page as (
  select o.id, coalesce(
    (select s.created_at from sessions s where s.org_id = o.id order by s.created_at limit 1), now()
  ) - interval '2 days' as unused_before
  from organizations o where o.id > $1 and o.deleted_at is null order by o.id limit ${organizationsAtOnce}
), unused as (
  select t.ctid from page cross join lateral (
    select ctid from texts
    where org_id = page.id and used_at < page.unused_before
    order by used_at limit ${textsAtOnce} for update skip locked
  ) t limit ${textsAtOnce}
), d as (
  delete from texts where ctid = any(array(select ctid from unused)) returning org_id, is_counted, octet_length(body) as bytes
), c as (
  insert into counters as c (org_id, agent_id, shard, stored_bytes)
  select org_id, '${countedTexts}', 0, -sum(bytes) from d where is_counted group by org_id order by org_id
  ${addUp}
)
select max(id) as last, count(*) as organizations, (select count(*) from d) as deleted from page`,
}

type Swept = { last: string | null; organizations: number; deleted: number }

/**
 * Creates a sweep that deletes the texts that no event can name, in batches.
 * Contract: one run reads at most 100,000 organizations; the next run continues after them.
 */
export function createTextSweep(): (db: Db, stopping: AbortSignal) => Promise<void> {
  let after = ''
  return async (db, stopping) => {
    for (let batch = 0; batch < batchesMax && !stopping.aborted; batch += 1) {
      const [swept] = await db.run<Swept>(sweep, [after])
      const { last, organizations, deleted } = swept!
      if (deleted === textsAtOnce) continue
      after = organizations < organizationsAtOnce ? '' : last!
      if (after === '') return
    }
  }
}
