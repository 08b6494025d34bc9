import { createHash } from 'node:crypto'

export type HashedText = { hash: string; body: string }

const rememberedMax = 500
/** Characters of all remembered texts: one prompt can have a million. */
const charactersMax = 16_000_000
/** Maximum age of `used_at` of a text in use, and how long a node skips storing a text again. */
export const touchHours = 12
const touchMs = touchHours * 3_600_000

/** A limited cache of the latest texts of a database: a text never changes under its hash. */
export type StoredTexts = {
  bodyOf: (orgId: string, hash: string) => string | undefined
  /** False 12 h after the text was stored: storing a text in use again updates its `used_at`. */
  isStored: (orgId: string, hash: string) => boolean
  /** Grows when texts are dropped. Texts of an earlier epoch may be gone and are not cached. */
  epoch: () => number
  /** Call it once the texts are read or committed; `since` is the epoch before that statement. */
  remember: (orgId: string, texts: readonly HashedText[], given: Remembering) => void
  /** Drops all texts: commits may be lost, and with them texts that counted as stored. */
  forget: () => void
}

/** `storedAt`: the time before the statement that stored the texts; none for read texts. */
export type Remembering = { since: number; storedAt?: number }

export function createStoredTexts(): StoredTexts {
  const remembered = new Map<string, { body: string; storedAt: number }>()
  let characters = 0
  let epoch = 0

  function drop(key: string) {
    characters -= remembered.get(key)?.body.length ?? 0
    remembered.delete(key)
  }

  return {
    bodyOf: (orgId, hash) => remembered.get(`${orgId}/${hash}`)?.body,
    isStored(orgId, hash) {
      const text = remembered.get(`${orgId}/${hash}`)
      return text !== undefined && Math.abs(Date.now() - text.storedAt) < touchMs
    },
    epoch: () => epoch,
    remember(orgId, texts, { since, storedAt = 0 }) {
      if (since !== epoch) return
      for (const { hash, body } of texts) {
        const key = `${orgId}/${hash}`
        drop(key)
        remembered.set(key, { body, storedAt })
        characters += body.length
        for (const [oldest] of remembered) {
          if (remembered.size <= rememberedMax && characters <= charactersMax) break
          drop(oldest)
        }
      }
    },
    forget() {
      remembered.clear()
      characters = 0
      epoch += 1
    },
  }
}

export const textHash = (text: string) => createHash('sha256').update(text).digest('hex')
