import { useEffect, useRef, useState } from 'react'
import { type DraftState, isConflict, isNewer, rebase } from './draft-state.ts'

export type DraftOptions<Draft, Stored> = {
  /** The cached record that the form edits. Undefined: a new record. */
  stored?: Stored | undefined
  /** Contract: pure. */
  draftOf: (stored: Stored | undefined) => Draft
  /** Initial changes of the draft. */
  first?: Partial<Draft>
}

/**
 * Holds the draft of a form. Merges later versions of the record field by field. With `asks`, a
 * conflicting version is returned as `theirs` until the user resolves the conflict.
 */
export function useFormDraft<Draft extends object, Stored>(
  { stored, draftOf, first }: DraftOptions<Draft, Stored>,
  asks: boolean,
) {
  const [state, setState] = useState<DraftState<Draft, Stored>>(() => ({
    base: stored,
    draft: { ...draftOf(stored), ...first },
  }))
  // Updated before the next render, so that a save in the same tick includes the change.
  const latest = useRef(state)
  const set = (next: DraftState<Draft, Stored>) => {
    latest.current = next
    setState(next)
  }
  const origin = draftOf(state.base)
  const isOvertaken = isNewer(stored, state.base)
  const isAsking = asks && isOvertaken && isConflict(state.draft, origin, draftOf(stored))

  // biome-ignore lint/correctness/useExhaustiveDependencies: other values derive from these
  useEffect(() => {
    const { base, draft } = latest.current
    if (!isOvertaken || isAsking || !isNewer(stored, base)) return
    set({ base: stored, draft: rebase(draft, draftOf(base), draftOf(stored)) })
  }, [stored, isOvertaken, isAsking])

  return { ...state, origin, latest, set, theirs: isAsking ? stored : undefined }
}
