import { countOf } from '../output/list.ts'

/** Days of retention as a flag or word has them: a number, or `inherit`. */
export const retentionOf = (text: string, name: string): number | null =>
  text === 'inherit' ? null : countOf(text, name, 0)
