import { pad, widthOf, wrap } from './width.ts'

export const indent = '  '
/** Columns for a description beside its name. With fewer it is printed below. */
const aboutMin = 24

/** Lays out names and descriptions in two columns. */
export function aligned(rows: readonly (readonly [string, string])[], most: number): string[] {
  const width = Math.max(0, ...rows.map(([name]) => widthOf(name)))
  const left = most - width - 2 * indent.length
  if (left < aboutMin) {
    return rows.flatMap(([name, about]) => [
      indent + name,
      ...wrap(about, most - 2 * indent.length).map((line) => indent + indent + line),
    ])
  }
  return rows.flatMap(([name, about]) =>
    wrap(about, left).map(
      (line, at) => `${indent}${pad(at === 0 ? name : '', width)}${indent}${line}`,
    ),
  )
}
