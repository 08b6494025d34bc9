import { createHash } from 'node:crypto'
import type { Db, Statement } from './database.ts'

export type Text = { hash: string; body: string }

/** Texts never change under their hash, so a node remembers the latest ones. */
const remembered = new Map<string, string>()
const rememberedMax = 500
/** Grows when texts are forgotten. What was read or stored before may be gone, and is not remembered. */
let epoch = 0

export const textsEpoch = () => epoch

/** Commits may be lost, and with them texts that this node takes for stored. */
export function forgetTexts(): void {
  remembered.clear()
  epoch += 1
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
    const body = remembered.get(`${orgId}/${hash}`)
    if (body === undefined) missing.add(hash)
    else found.set(hash, body)
  }
  if (missing.size === 0) return found
  const since = epoch
  const rows = await db.run<{ hash: string; body: string }>(read, [orgId, [...missing]])
  for (const { hash, body } of rows) found.set(hash, body)
  rememberTexts(orgId, rows, since)
  return found
}

/** True for a text that this node knows to be stored. */
export const isStored = (orgId: string, hash: string) => remembered.has(`${orgId}/${hash}`)

/** Call once the texts are committed; `since` is the epoch before the statement that did so. */
export function rememberTexts(orgId: string, texts: readonly Text[], since: number): void {
  if (since !== epoch) return
  for (const { hash, body } of texts) {
    if (remembered.size >= rememberedMax) remembered.delete(remembered.keys().next().value!)
    remembered.set(`${orgId}/${hash}`, body)
  }
}

const store: Statement = {
  name: 'store-texts',
  text: `
insert into texts (org_id, hash, body) select $1, n.hash, n.body from unnest($2::text[], $3::text[]) as n(hash, body)
on conflict do nothing`,
}

/** Stores texts that events name by their hash. */
export async function storeTexts(db: Db, orgId: string, texts: readonly Text[]): Promise<void> {
  await db.run(store, [orgId, texts.map(({ hash }) => hash), texts.map(({ body }) => body)])
}
