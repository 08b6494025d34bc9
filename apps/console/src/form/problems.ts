import { sentenceOf } from '../errors.ts'

type Refused = { code?: string; details?: readonly { path: string; message: string }[] } | null

/**
 * What the server says is wrong with a field, for the place where that is. A code that always means one field stands for
 * its path.
 */
export function problemAt(error: unknown, ...paths: readonly string[]): string | undefined {
  const { code = '', details = [] } = (error as Refused) ?? {}
  if (paths.includes(code)) return sentenceOf(error)
  return details.find(({ path }) => paths.includes(path))?.message
}

/** What a refusal says beside its fields: a title, and what is wrong with fields that are not among those `shown`. */
export function summaryOf(error: unknown, shown: readonly string[]) {
  const { code = '', details = [] } = (error as Refused) ?? {}
  const others = details.filter(({ path }) => !shown.includes(path))
  const isShown = shown.includes(code) || (details.length > 0 && others.length === 0)
  const title = isShown ? 'Nothing was saved: see what is marked above.' : sentenceOf(error)
  return { title, others }
}
