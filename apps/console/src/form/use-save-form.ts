import { isOutlastError } from '@outlast/sdk'
import { useMutation } from '@tanstack/react-query'
import { type SyntheticEvent, useRef } from 'react'
import { showToast } from '../shell/toasts/toasts.ts'
import { type DraftState, isSame, rebase } from './draft-state.ts'
import { fieldProps } from './field-props.ts'
import { problemAt } from './problems.ts'
import { type DraftOptions, useFormDraft } from './use-draft.ts'

/** Another user saved the record after this page read it. */
export class ChangedMeanwhile extends Error {
  override name = 'ChangedMeanwhile'
}

type SaveOptions<Draft, Stored> = DraftOptions<Draft, Stored> & {
  /** Contract: sends exactly its arguments. Later changes belong to the next call. */
  save: (draft: Draft, base: Stored | undefined) => Promise<Stored>
  onSaved?: (saved: Stored) => unknown
  /** The message after a save. */
  done?: string
  /** Reads the record after `save` failed with `changed_meanwhile`. The user resolves conflicts. */
  read?: (base: Stored) => Promise<Stored>
}

export type SaveForm<Draft extends object, Stored> = ReturnType<typeof useSaveForm<Draft, Stored>>

/**
 * Manages the draft of a form, its save, and the problems that the server reports. Changes made
 * during a save stay in the draft. Versions of other users are merged field by field.
 */
export function useSaveForm<Draft extends object, Stored>(options: SaveOptions<Draft, Stored>) {
  const { latest, set, ...state } = useFormDraft(options, options.read !== undefined)
  const isSaving = useRef(false)
  const saving = useMutation({
    // A draft may hold a secret, so the cache drops it when the form unmounts.
    gcTime: 0,
    async mutationFn(sent: DraftState<Draft, Stored>) {
      const saved = await saveOnce(sent, options)
      const draft = rebase(latest.current.draft, sent.draft, options.draftOf(saved))
      set({ base: saved, draft })
      return saved
    },
    onSuccess(saved) {
      if (options.done) showToast(options.done)
      return options.onSaved?.(saved)
    },
    onSettled() {
      isSaving.current = false
    },
  })

  function put(draft: Partial<Draft>, base = latest.current.base) {
    if (!saving.isIdle && !isSaving.current) saving.reset()
    set({ base, draft: { ...latest.current.draft, ...draft } })
  }

  function submit() {
    if (isSaving.current) return
    isSaving.current = true
    saving.mutate(latest.current)
  }

  /** Error paths that fields display in this render. */
  const shown: string[] = []
  function problem(...paths: string[]) {
    shown.push(...paths)
    return problemAt(saving.error, ...paths)
  }

  return {
    ...state,
    ...fieldProps<Draft>({
      draft: state.draft,
      put: (name, value) => put({ [name]: value } as unknown as Partial<Draft>),
      problem,
    }),
    shown,
    problem,
    isDirty: !isSame(state.draft, state.origin),
    saved: saving.data,
    isSaved: saving.isSuccess,
    isSaving: saving.isPending,
    error: saving.error,
    change: (fields: Partial<Draft>) => put(fields),
    /** Continues from the stored version with the chosen draft. */
    choose: (draft: Draft) => put(draft, options.stored),
    submit,
    onSubmit(event: SyntheticEvent) {
      event.preventDefault()
      submit()
    },
  }
}

/**
 * Saves a draft. Reads the record after a version conflict: a lost response may have stored this
 * draft, or only fields outside the form may differ.
 */
async function saveOnce<Draft extends object, Stored>(
  { base, draft }: DraftState<Draft, Stored>,
  { save, read, draftOf }: SaveOptions<Draft, Stored>,
): Promise<Stored> {
  try {
    return await save(draft, base)
  } catch (error) {
    if (!base || !read || !isOutlastError(error, 'changed_meanwhile')) throw error
    const now = await read(base)
    if (isSame(draft, draftOf(now))) return now
    if (isSame(draftOf(base), draftOf(now))) return save(draft, now)
    throw new ChangedMeanwhile('Another user changed this in the meantime.')
  }
}
