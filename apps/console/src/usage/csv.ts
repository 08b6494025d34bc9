import type { UsageRow, UsageSums } from './report.ts'

const columns = [
  'model_calls',
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_creation_tokens',
  'cost_usd',
] as const satisfies (keyof UsageSums)[]

/**
 * Where a spreadsheet would find a formula: at the beginning, or after a separator of some country.
 */
const formulas = /(?<=^|[;\t\r\n])(?=[\s"'\u200B\uFEFF]*[=+\-@＝＋－＠])/g

/** Quotes a value, and puts an apostrophe before what a spreadsheet would run. */
const cellOf = (value: string | number | null | undefined) => {
  if (typeof value === 'number') return String(value)
  const text = (value ?? '').replace(formulas, "'")
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Converts rows to CSV (RFC 4180), each with the same sums of the period before. */
export function csvOf(group: string, rows: readonly UsageRow[], nameOf: (id: string) => string) {
  const head = [group, 'name', ...columns, ...columns.map((column) => `previous_${column}`)]
  const lines = rows.map(({ id, now, before }) => [
    id,
    nameOf(id),
    ...columns.map((column) => now[column]),
    ...columns.map((column) => before?.[column]),
  ])
  return [head, ...lines].map((line) => `${line.map(cellOf).join(',')}\r\n`).join('')
}
