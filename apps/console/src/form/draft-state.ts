/** What a form edits: `base` as it was read, `draft` as it is in the form. */
export type DraftState<Draft, Stored> = { base: Stored | undefined; draft: Draft }

export const isSame = (one: unknown, other: unknown) =>
  JSON.stringify(one) === JSON.stringify(other)

/** A draft that began with `origin`, on what is stored now: fields that were not changed have the stored value. */
export function rebase<Draft extends object>(draft: Draft, origin: Draft, stored: Draft): Draft {
  const fields = Object.keys(stored) as (keyof Draft)[]
  const merged = fields.map((field) => {
    const isChanged = !isSame(draft[field], origin[field])
    return [field, isChanged ? draft[field] : stored[field]]
  })
  return Object.fromEntries(merged) as Draft
}

const versionOf = (stored: unknown) => (stored as { updated_at?: string }).updated_at ?? ''

/** Whether something was read after what a form began with. An answer that was long on its way may be older. */
export const isNewer = (stored: unknown, base: unknown) =>
  Boolean(stored && base) && stored !== base && versionOf(stored) >= versionOf(base)

/** Whether a draft and what is stored by now both differ from what the draft began with, and from each other. */
export const isConflict = <Draft>(draft: Draft, origin: Draft, stored: Draft) =>
  !isSame(draft, origin) && !isSame(stored, origin) && !isSame(draft, stored)
