import { createHash } from 'node:crypto'
import type { Db, Statement } from './database.ts'
import { textList, textRows } from './json-lists.ts'

/** Where an organization's counters have the bytes of its texts, in place of an agent. */
export const countedTexts = 'texts'

export type Text = { hash: string; body: string }

const rememberedMax = 500

/** The latest texts that a database is known to have: they never change under their hash. */
export type StoredTexts = {
  bodyOf: (orgId: string, hash: string) => string | undefined
  /** Grows when texts are forgotten. What was read or stored before may be gone, and is not remembered. */
  epoch: () => number
  /** Call once the texts are committed; `since` is the epoch before the statement that did so. */
  remember: (orgId: string, texts: readonly Text[], since: number) => void
  /** Commits may be lost, and with them texts that were taken for stored. */
  forget: () => void
}

export function createStoredTexts(): StoredTexts {
  const bodies = new Map<string, string>()
  let epoch = 0
  return {
    bodyOf: (orgId, hash) => bodies.get(`${orgId}/${hash}`),
    epoch: () => epoch,
    remember(orgId, texts, since) {
      if (since !== epoch) return
      for (const { hash, body } of texts) {
        if (bodies.size >= rememberedMax) bodies.delete(bodies.keys().next().value!)
        bodies.set(`${orgId}/${hash}`, body)
      }
    },
    forget() {
      bodies.clear()
      epoch += 1
    },
  }
}

export const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')

const read: Statement = {
  name: 'read-texts',
  text: 'select hash, body from texts where org_id = $1 and hash = any($2)',
}

/** The texts of an organization behind some hashes. */
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
  db.texts.remember(orgId, rows, since)
  return found
}

const store: Statement = {
  name: 'store-texts',
  text: `
with x as (
  insert into texts (org_id, hash, body) select $1, n.hash, n.body from ${textRows('$2', '$3')}
  on conflict do nothing
  returning octet_length(body) as bytes
)
insert into counters as c (org_id, agent_id, shard, stored_bytes)
select $1, '${countedTexts}', 0, sum(bytes) from x having count(*) > 0
on conflict (org_id, agent_id, shard) do update set stored_bytes = c.stored_bytes + excluded.stored_bytes`,
}

/** Stores texts that events name by their hash. */
export async function storeTexts(db: Db, orgId: string, texts: readonly Text[]): Promise<void> {
  const hashes = texts.map(({ hash }) => hash)
  await db.run(store, [orgId, hashes, textList(texts.map(({ body }) => body))])
}
