import { isOutlastError } from '@outlast/sdk'
import { useMutation } from '@tanstack/react-query'
import { type ChangeEvent, type SyntheticEvent, useEffect, useRef, useState } from 'react'
import { type DraftState, isConflict, isNewer, isSame, rebase } from './draft-state.ts'
import { problemAt } from './problems.ts'

/** Somebody saved the same after it was read here. */
export class ChangedMeanwhile extends Error {
  override name = 'ChangedMeanwhile'
}

type Options<Draft, Stored> = {
  /** What the form edits, as it is known now. Undefined: something new. */
  stored?: Stored | undefined
  /** Contract: pure. */
  draftOf: (stored: Stored | undefined) => Draft
  /** Changes with which the form begins. */
  first?: Partial<Draft>
  /** Contract: sends what it is given; what was changed since is in a later call. */
  save: (draft: Draft, base: Stored | undefined) => Promise<Stored>
  onSaved?: (saved: Stored) => unknown
  /** Reads again what `save` was refused for with `changed_meanwhile`. With it a conflict waits for `choose`. */
  read?: (base: Stored) => Promise<Stored>
}

export type SaveForm<Draft extends object, Stored> = ReturnType<typeof useSaveForm<Draft, Stored>>

/**
 * The state of a form: its draft, whether it is saved, and what the server says is wrong with it. Nothing that was
 * written is lost: what changes while the form saves, or is saved by others, is merged field by field.
 */
export function useSaveForm<Draft extends object, Stored>(options: Options<Draft, Stored>) {
  const { stored, draftOf, first, read } = options
  const [state, setState] = useState<DraftState<Draft, Stored>>(() => ({
    base: stored,
    draft: { ...draftOf(stored), ...first },
  }))
  // What was changed is here at once, so that a save that follows at once has it.
  const latest = useRef(state)
  const isSaving = useRef(false)
  const set = (next: DraftState<Draft, Stored>) => {
    latest.current = next
    setState(next)
  }
  const { base, draft } = state
  const origin = draftOf(base)
  const isOvertaken = isNewer(stored, base)
  const isAsking = isOvertaken && Boolean(read) && isConflict(draft, origin, draftOf(stored))

  // biome-ignore lint/correctness/useExhaustiveDependencies: the rest follows from these
  useEffect(() => {
    const { base, draft } = latest.current
    if (!isOvertaken || isAsking || !isNewer(stored, base)) return
    set({ base: stored, draft: rebase(draft, draftOf(base), draftOf(stored)) })
  }, [stored, isOvertaken, isAsking])

  const saving = useMutation({
    // A draft may hold a secret: it is not kept longer than its form.
    gcTime: 0,
    async mutationFn(sent: DraftState<Draft, Stored>) {
      const saved = await saveOnce(sent, options)
      set({ base: saved, draft: rebase(latest.current.draft, sent.draft, draftOf(saved)) })
      return saved
    },
    onSuccess: options.onSaved,
    onSettled() {
      isSaving.current = false
    },
  })
  const settle = () => saving.isIdle || isSaving.current || saving.reset()

  function change(fields: Partial<Draft>) {
    settle()
    set({ ...latest.current, draft: { ...latest.current.draft, ...fields } })
  }

  function submit() {
    if (isSaving.current) return
    isSaving.current = true
    saving.mutate(latest.current)
  }

  /** Where fields say themselves what is wrong with them, as far as they are drawn. */
  const shown: string[] = []
  const problem = (...paths: string[]) => {
    shown.push(...paths)
    return problemAt(saving.error, ...paths)
  }
  const field = <Name extends keyof Draft & string>(name: Name, ...paths: string[]) => ({
    value: draft[name],
    error: problem(name, ...paths),
  })
  const put = (name: keyof Draft, value: unknown) =>
    change({ [name]: value } as unknown as Partial<Draft>)

  return {
    base,
    draft,
    origin,
    shown,
    isDirty: !isSame(draft, origin),
    /** What somebody else saved meanwhile and is not in the draft. */
    theirs: isAsking ? stored : undefined,
    saved: saving.data,
    isSaved: saving.isSuccess,
    isSaving: saving.isPending,
    error: saving.error,
    change,
    submit,
    onSubmit(event: SyntheticEvent) {
      event.preventDefault()
      submit()
    },
    /** Goes on from what the server has, with what was chosen of both. */
    choose(chosen: Draft) {
      settle()
      set({ base: stored, draft: chosen })
    },
    problem,
    /** The props of a text input. `paths`: where the API says what is wrong with it, beside the field's own name. */
    text: <Name extends keyof Draft & string>(name: Name, ...paths: string[]) => ({
      ...field(name, ...paths),
      onChange: ({ currentTarget }: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) =>
        put(name, currentTarget.value),
    }),
    /** The props of a select that always has a value. */
    choice: <Name extends keyof Draft & string>(name: Name, ...paths: string[]) => ({
      ...field(name, ...paths),
      allowDeselect: false,
      onChange: (value: string | null) => value !== null && put(name, value),
    }),
    /** The props of an input of a number that may be left empty. */
    number: <Name extends keyof Draft & string>(name: Name, ...paths: string[]) => ({
      ...field(name, ...paths),
      allowDecimal: false,
      onChange: (value: number | string) => put(name, typeof value === 'number' ? value : ''),
    }),
  }
}

/**
 * Saves a draft. Where the server refuses because of a change since, it is read: it may be this draft, whose answer was
 * lost, or have changed in nothing that the form shows.
 */
async function saveOnce<Draft, Stored>(
  { base, draft }: DraftState<Draft, Stored>,
  { save, read, draftOf }: Options<Draft, Stored>,
): Promise<Stored> {
  try {
    return await save(draft, base)
  } catch (error) {
    if (!base || !read || !isOutlastError(error, 'changed_meanwhile')) throw error
    const now = await read(base)
    if (isSame(draft, draftOf(now))) return now
    if (isSame(draftOf(base), draftOf(now))) return save(draft, now)
    throw new ChangedMeanwhile('Somebody else changed it meanwhile.')
  }
}
