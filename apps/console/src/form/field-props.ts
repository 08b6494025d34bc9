import type { ChangeEvent } from 'react'

type Fields<Draft> = {
  draft: Draft
  put: (name: keyof Draft, value: unknown) => void
  problem: (...paths: string[]) => string | undefined
}

/**
 * Returns props for the inputs of a form by draft field. `paths`: error paths of the API that
 * belong to the field, in addition to its name.
 */
export function fieldProps<Draft extends object>({ draft, put, problem }: Fields<Draft>) {
  const field = <Name extends keyof Draft & string>(name: Name, paths: string[]) => ({
    value: draft[name],
    error: problem(name, ...paths),
  })
  return {
    text: <Name extends keyof Draft & string>(name: Name, ...paths: string[]) => ({
      ...field(name, paths),
      onChange: ({ currentTarget }: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) =>
        put(name, currentTarget.value),
    }),
    /** For a select without an empty value. */
    choice: <Name extends keyof Draft & string>(name: Name, ...paths: string[]) => ({
      ...field(name, paths),
      allowDeselect: false,
      onChange: (value: string | null) => value !== null && put(name, value),
    }),
    /** For an optional integer. */
    number: <Name extends keyof Draft & string>(name: Name, ...paths: string[]) => ({
      ...field(name, paths),
      allowDecimal: false,
      onChange: (value: number | '') => put(name, value),
    }),
  }
}
