type Expiring = { expiresAt: number }

/** Entries that each call looks at: more than one, so that a cache that grows is cleaned up. */
const checkedMax = 4

/**
 * Drops expired entries of a cache, a few per call: the oldest are checked, and those that last
 * are moved to the end. Called for each new entry, it leaves few expired ones.
 */
export function dropExpired(entries: Map<string, Expiring>, now: number): void {
  for (const [key, entry] of [...entries.entries().take(checkedMax)]) {
    entries.delete(key)
    if (entry.expiresAt > now) entries.set(key, entry)
  }
}

/** Returns an entry of a cache, and drops it instead if it has expired. */
export function findUnexpired<Entry extends Expiring>(
  entries: Map<string, Entry>,
  key: string,
  now: number,
): Entry | undefined {
  const entry = entries.get(key)
  if (!entry || entry.expiresAt > now) return entry
  entries.delete(key)
  return undefined
}
