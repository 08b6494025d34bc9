import { useEffect, useRef, useState } from 'react'
import { type DraftState, isConflict, isNewer, rebase } from './draft-state.ts'

export type DraftOptions<Draft, Stored> = {
  /** The record that the form edits, as the cache has it now. Undefined: a new record. */
  stored?: Stored | undefined
  /** Contract: pure. */
  draftOf: (stored: Stored | undefined) => Draft
  /** Changes with which the form begins. */
  first?: Partial<Draft>
}

/**
 * The draft of a form. Later versions of its record are merged into it field by field; with `asks`,
 * a conflicting version waits in `theirs` until the user chooses.
 */
export function useFormDraft<Draft extends object, Stored>(
  { stored, draftOf, first }: DraftOptions<Draft, Stored>,
  asks: boolean,
) {
  const [state, setState] = useState<DraftState<Draft, Stored>>(() => ({
    base: stored,
    draft: { ...draftOf(stored), ...first },
  }))
  // Changed before the next render, so that a save in the same tick has the change.
  const latest = useRef(state)
  const set = (next: DraftState<Draft, Stored>) => {
    latest.current = next
    setState(next)
  }
  const origin = draftOf(state.base)
  const isOvertaken = isNewer(stored, state.base)
  const isAsking = asks && isOvertaken && isConflict(state.draft, origin, draftOf(stored))

  // biome-ignore lint/correctness/useExhaustiveDependencies: the rest follows from these
  useEffect(() => {
    const { base, draft } = latest.current
    if (!isOvertaken || isAsking || !isNewer(stored, base)) return
    set({ base: stored, draft: rebase(draft, draftOf(base), draftOf(stored)) })
  }, [stored, isOvertaken, isAsking])

  return { ...state, origin, latest, set, theirs: isAsking ? stored : undefined }
}
