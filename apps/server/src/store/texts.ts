import { createHash } from 'node:crypto'
import type { Db, Statement } from './database.ts'

/** Texts never change under their hash, so a node remembers the latest ones. */
const remembered = new Map<string, string>()
const rememberedMax = 500

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
  const rows = await db.run<{ hash: string; body: string }>(read, [orgId, [...missing]])
  for (const { hash, body } of rows) {
    found.set(hash, body)
    rememberText(orgId, hash, body)
  }
  return found
}

/** True for a text that this node knows to be stored. */
export const isStored = (orgId: string, hash: string) => remembered.has(`${orgId}/${hash}`)

/** Call once the text is committed. */
export function rememberText(orgId: string, hash: string, body: string): void {
  if (remembered.size >= rememberedMax) remembered.delete(remembered.keys().next().value!)
  remembered.set(`${orgId}/${hash}`, body)
}
