import { countOf } from './list.ts'

/** Parses days of retention: a number, or `inherit`. */
export const retentionOf = (text: string, name: string): number | null =>
  text === 'inherit' ? null : countOf(text, name, 0)
