import { sentenceOf } from '../errors.ts'

type Refused = { code?: string; details?: readonly { path: string; message: string }[] } | null

/** The problem of a field. `paths`: paths of `details`, and codes that always mean this field. */
export function problemAt(error: unknown, ...paths: readonly string[]): string | undefined {
  const { code = '', details = [] } = (error as Refused) ?? {}
  if (paths.includes(code)) return sentenceOf(error)
  return details.find(({ path }) => paths.includes(path))?.message
}

/** The title of a refusal, and the details that no field in `shown` has. */
export function summaryOf(error: unknown, shown: readonly string[]) {
  const { code = '', details = [] } = (error as Refused) ?? {}
  const others = details.filter(({ path }) => !shown.includes(path))
  const isShown = shown.includes(code) || (details.length > 0 && others.length === 0)
  const title = isShown ? 'Nothing was saved: see what is marked above.' : sentenceOf(error)
  return { title, others }
}
