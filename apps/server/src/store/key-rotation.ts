import { envelopeKeyId, SealedTextError, type Secrets } from '../secrets.ts'
import type { Db } from './database.ts'
import { keyPlace, listSealedKeys, replaceSealedKey, type SealedKey } from './providers.ts'

/** A key that stays as it is, because it cannot be opened. */
export type Unreadable = { org_id: string; id: string; reason: string }

export type Rotation = {
  /** How often an envelope was replaced. */
  renewed: number
  /** Keys that stand as they should. */
  settled: number
  unreadable: Unreadable[]
  /** False when envelopes under other master keys came as fast as they were replaced. */
  complete: boolean
}

/** Somebody else changes keys while we look: then we look again. */
const passesMax = 10

/**
 * Brings every stored key under the current master key.
 * Contract: one statement a key, which changes nothing if the key was changed meanwhile: nodes may run, two of these may run,
 * and one that was killed is finished by another.
 */
export async function renewSealedKeys(
  db: Db,
  secrets: Secrets,
  onBatch: (seen: number) => void,
): Promise<Rotation> {
  let renewed = 0
  for (let pass = 1; ; pass++) {
    const found = { settled: 0, replaced: 0, changed: 0, unreadable: [] as Unreadable[] }
    let seen = 0
    for await (const batch of listSealedKeys(db)) {
      for (const key of batch) await renewOne(db, { key, secrets, found })
      seen += batch.length
      if (pass === 1) onBatch(seen)
    }
    const { settled, replaced, changed, unreadable } = found
    renewed += replaced
    const complete = replaced + changed === 0
    if (complete || pass === passesMax) return { renewed, settled, unreadable, complete }
  }
}

type Found = { settled: number; replaced: number; changed: number; unreadable: Unreadable[] }

async function renewOne(
  db: Db,
  { key, secrets, found }: { key: SealedKey; secrets: Secrets; found: Found },
) {
  const next = tryRenew(secrets, key)
  if (next instanceof SealedTextError) {
    found.unreadable.push({ org_id: key.org_id, id: key.id, reason: next.message })
  } else if (next === undefined) {
    found.settled++
  } else if (await replaceSealedKey(db, key, next)) {
    found.replaced++
  } else {
    found.changed++
  }
}

function tryRenew(secrets: Secrets, { org_id, id, api_key }: SealedKey) {
  try {
    return secrets.renew(api_key, keyPlace(org_id, id))
  } catch (error) {
    if (error instanceof SealedTextError) return error
    throw error
  }
}

/** True while a key that can be opened is sealed with another master key than `currentId`. */
export async function isRotationOpen(
  db: Db,
  secrets: Secrets,
  currentId: string,
): Promise<boolean> {
  for await (const batch of listSealedKeys(db)) {
    for (const key of batch) {
      const isOther = envelopeKeyId(key.api_key) !== currentId
      if (isOther && !(tryRenew(secrets, key) instanceof SealedTextError)) return true
    }
  }
  return false
}
