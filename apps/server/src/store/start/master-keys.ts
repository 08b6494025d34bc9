import { sql } from 'kysely'
import { type Config, configuredMasterKeys } from '../../config.ts'
import { createSecrets, masterKeyId } from '../../secrets.ts'
import type { Db } from '../database.ts'
import { readOrCreateMasterKeys } from '../embedded/embedded.ts'
import { connectToHost } from './migrate.ts'
import { DatabaseUnusableError } from './unusable.ts'

const knownText = 'outlast'
const placeOf = (id: string) => `master key ${id}`

/**
 * Compares this node's master keys with those that the database was written with, and records new
 * ones.
 * Contract: throws DatabaseUnusableError and records nothing when an id names a different key here,
 * or when the node has none of the keys that a rotation has not replaced. Ids are never reused:
 * recorded ids stay.
 */
export async function checkMasterKeys(db: Db, masterKeys: readonly string[]): Promise<void> {
  if ((await compare(db, masterKeys)) === 'recorded') return
  const rows = masterKeys.map((key) => {
    const id = masterKeyId(key)
    return { id, sealed: createSecrets([key]).seal(knownText, placeOf(id)) }
  })
  if (rows.length === 0) return
  await db.kysely
    .insertInto('master_keys')
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  // Another node may have recorded its keys in the same moment.
  await compare(db, masterKeys)
}

/** Records that no stored secret needs another master key than the current one. */
export async function markReplaced(db: Db, currentId: string): Promise<void> {
  await db.kysely
    .updateTable('master_keys')
    .set({ replaced_at: sql`case when id <> ${currentId} then coalesce(replaced_at, now()) end` })
    .execute()
}

/** Returns the master keys of a node. `ownUrl`: its database, if no other node can use it. */
export async function nodeMasterKeys(config: Config, ownUrl: string | false): Promise<string[]> {
  const configured = configuredMasterKeys(config)
  if (ownUrl === false || configured.length > 0) return configured
  return readOrCreateMasterKeys(config.DATA_DIR, () => hasMasterKeys(ownUrl))
}

/** Whether the database was written with master keys. It may have no schema. */
export async function hasMasterKeys(url: string): Promise<boolean> {
  const client = await connectToHost(url)
  try {
    const table = await client.query(`select where to_regclass('master_keys') is not null`)
    if (table.rowCount === 0) return false
    return (await client.query('select from master_keys limit 1')).rowCount === 1
  } finally {
    await client.end()
  }
}

async function compare(db: Db, masterKeys: readonly string[]): Promise<'recorded' | 'new'> {
  const rows = await db.kysely
    .selectFrom('master_keys')
    .select(['id', 'sealed', 'replaced_at'])
    .orderBy('created_at')
    .execute()
  const sealed = new Map(rows.map((row) => [row.id, row.sealed]))
  const known = masterKeys.filter((key) => sealed.has(masterKeyId(key)))
  for (const key of known) checkOne(key, sealed.get(masterKeyId(key))!)
  const current = rows.filter((row) => row.replaced_at === null).map(({ id }) => id)
  if (current.length > 0 && !known.some((key) => current.includes(masterKeyId(key)))) {
    throw new DatabaseUnusableError(
      `Secrets in the database are sealed with master key ${current.at(-1)}, which this node does not have. Set SECRETS_ENCRYPTION_KEY as on the other nodes.`,
    )
  }
  return known.length === masterKeys.length ? 'recorded' : 'new'
}

function checkOne(key: string, sealed: string) {
  const id = masterKeyId(key)
  try {
    createSecrets([key]).open(sealed, placeOf(id))
  } catch {
    throw new DatabaseUnusableError(
      `The master key ${id} of this node differs from the ${id} that the database was written with. Set SECRETS_ENCRYPTION_KEY as on the other nodes, or give a new key a new id.`,
    )
  }
}
