import { createHash } from 'node:crypto'

export type Text = { hash: string; body: string }

const rememberedMax = 500
/** How old `used_at` of a text in use may become, and how long a node omits to store a text again. */
export const touchHours = 12
const touchMs = touchHours * 3_600_000

/** The latest texts that a database is known to have: they never change under their hash. */
export type StoredTexts = {
  bodyOf: (orgId: string, hash: string) => string | undefined
  /** False 12 h after the text was stored: a text in use is stored again, which updates its `used_at`. */
  isStored: (orgId: string, hash: string) => boolean
  /** Grows when texts are forgotten. What was read or stored before may be gone, and is not remembered. */
  epoch: () => number
  /** Call once the texts are read or committed; `since` is the epoch before the statement that did so. */
  remember: (orgId: string, texts: readonly Text[], given: Remembering) => void
  /** Commits may be lost, and with them texts that were taken for stored. */
  forget: () => void
}

/** `storedAt`: the time before the statement that stored the texts; none for texts that were read. */
export type Remembering = { since: number; storedAt?: number }

export function createStoredTexts(): StoredTexts {
  const remembered = new Map<string, { body: string; storedAt: number }>()
  let epoch = 0
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
        if (remembered.size >= rememberedMax) remembered.delete(remembered.keys().next().value!)
        remembered.set(`${orgId}/${hash}`, { body, storedAt })
      }
    },
    forget() {
      remembered.clear()
      epoch += 1
    },
  }
}

export const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')
