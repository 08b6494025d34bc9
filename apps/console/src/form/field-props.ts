import type { ChangeEvent } from 'react'

type Fields<Draft> = {
  draft: Draft
  put: (name: keyof Draft, value: unknown) => void
  problem: (...paths: string[]) => string | undefined
}

/**
 * Props for the inputs of a form, by the name of a draft's field. `paths`: where the API reports
 * problems of the field, in addition to its name.
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
    /** For a select that always has a value. */
    choice: <Name extends keyof Draft & string>(name: Name, ...paths: string[]) => ({
      ...field(name, paths),
      allowDeselect: false,
      onChange: (value: string | null) => value !== null && put(name, value),
    }),
    /** For a whole number that may be empty. */
    number: <Name extends keyof Draft & string>(name: Name, ...paths: string[]) => ({
      ...field(name, paths),
      allowDecimal: false,
      onChange: (value: number | string) => put(name, typeof value === 'number' ? value : ''),
    }),
  }
}
