/** A form's record as it was read, and its draft. */
export type DraftState<Draft, Stored> = { base: Stored | undefined; draft: Draft }

export const isSame = (one: unknown, other: unknown) =>
  JSON.stringify(one) === JSON.stringify(other)

/** Merges a draft that began as `origin` into a stored version: unchanged fields get the stored value. */
export function rebase<Draft extends object>(draft: Draft, origin: Draft, stored: Draft): Draft {
  const fields = Object.keys(stored) as (keyof Draft)[]
  const merged = fields.map((field) => {
    const isChanged = !isSame(draft[field], origin[field])
    return [field, isChanged ? draft[field] : stored[field]]
  })
  return Object.fromEntries(merged) as Draft
}

const versionOf = (stored: unknown) => (stored as { updated_at?: string }).updated_at ?? ''

/** Whether a cached record is another version than `base`, and not an older one from a slow response. */
export const isNewer = (stored: unknown, base: unknown) =>
  Boolean(stored && base) && stored !== base && versionOf(stored) >= versionOf(base)

/** Whether a draft and a stored version both differ from the draft's origin, and from each other. */
export const isConflict = <Draft>(draft: Draft, origin: Draft, stored: Draft) =>
  !isSame(draft, origin) && !isSame(stored, origin) && !isSame(draft, stored)
