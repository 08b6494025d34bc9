/** The record that a form edits, and the draft. */
export type DraftState<Draft, Stored> = { base: Stored | undefined; draft: Draft }

/** Compares strings directly, without JSON: a prompt or a file may have 1 MiB. */
const isSameValue = (one: unknown, other: unknown) =>
  one === other || (typeof one === 'object' && JSON.stringify(one) === JSON.stringify(other))

const fieldsOf = <Draft extends object>(draft: Draft) => Object.keys(draft) as (keyof Draft)[]

export const isSame = <Draft extends object>(one: Draft, other: Draft) =>
  fieldsOf(one).every((field) => isSameValue(one[field], other[field]))

/** Returns the fields of a draft that differ from its origin. */
export const changedIn = <Draft extends object>(draft: Draft, origin: Draft) =>
  Object.fromEntries(
    Object.entries(draft).filter(
      ([field, value]) => !isSameValue(value, origin[field as keyof Draft]),
    ),
  ) as Partial<Draft>

/** Merges a draft that began as `origin` into a stored version: it keeps changed fields only. */
export function rebase<Draft extends object>(draft: Draft, origin: Draft, stored: Draft): Draft {
  const merged = fieldsOf(stored).map((field) => {
    const isChanged = !isSameValue(draft[field], origin[field])
    return [field, isChanged ? draft[field] : stored[field]]
  })
  return Object.fromEntries(merged) as Draft
}

const versionOf = (stored: unknown) => (stored as { updated_at?: string }).updated_at ?? ''

/** Whether a cached record is newer than `base`: a slow response may bring an older one. */
export const isNewer = (stored: unknown, base: unknown) =>
  Boolean(stored && base) && stored !== base && versionOf(stored) >= versionOf(base)

/** Whether a draft and a stored version differ from the draft's origin and from each other. */
export const isConflict = <Draft extends object>(draft: Draft, origin: Draft, stored: Draft) =>
  !isSame(draft, origin) && !isSame(stored, origin) && !isSame(draft, stored)
