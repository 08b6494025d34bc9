import { sentenceOf } from '../errors.ts'

type RefusedSave = { code?: string; details?: readonly { path: string; message: string }[] } | null

/** Returns the problem of a field. `paths`: paths in `details`, and error codes of the field. */
export function problemAt(error: unknown, ...paths: readonly string[]): string | undefined {
  const { code = '', details = [] } = (error as RefusedSave) ?? {}
  if (paths.includes(code)) return sentenceOf(error)
  return details.find(({ path }) => paths.includes(path))?.message
}

/** Returns the title of an error, and the details that no field in `shown` displays. */
export function summaryOf(error: unknown, shown: readonly string[]) {
  const { code = '', details = [] } = (error as RefusedSave) ?? {}
  const others = details.filter(({ path }) => !shown.includes(path))
  const isShown = shown.includes(code) || (details.length > 0 && others.length === 0)
  const title = isShown ? 'Not saved. Fix the marked fields above.' : sentenceOf(error)
  return { title, others }
}
