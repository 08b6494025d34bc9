export type DiffLine = { kind: 'same' | 'added' | 'gone'; text: string }

/** Size limit of the table of common lines. */
const cellsMax = 4_000_000

/** Compares two texts by lines. Contract: pure. Texts that are too long are removed and added. */
export function lineDiff(before: string, after: string): DiffLine[] {
  const one = before.split('\n')
  const other = after.split('\n')
  let start = 0
  while (start < one.length && start < other.length && one[start] === other[start]) start++
  let end = 0
  const most = Math.min(one.length, other.length) - start
  while (end < most && one.at(-1 - end) === other.at(-1 - end)) end++
  const same = (lines: string[]) => lines.map((text): DiffLine => ({ kind: 'same', text }))
  return [
    ...same(one.slice(0, start)),
    ...middle(one.slice(start, one.length - end), other.slice(start, other.length - end)),
    ...same(one.slice(one.length - end)),
  ]
}

function middle(one: string[], other: string[]): DiffLine[] {
  const lines: DiffLine[] = []
  const width = other.length + 1
  const isLong = one.length * other.length > cellsMax
  const common = isLong ? undefined : commonOf(one, other)
  let at = 0
  let to = 0
  while (at < one.length || to < other.length) {
    if (common && at < one.length && to < other.length && one[at] === other[to]) {
      lines.push({ kind: 'same', text: one[at]! })
      at++
      to++
    } else if (
      to === other.length ||
      (at < one.length &&
        (!common || common[(at + 1) * width + to]! >= common[at * width + to + 1]!))
    ) {
      lines.push({ kind: 'gone', text: one[at++]! })
    } else lines.push({ kind: 'added', text: other[to++]! })
  }
  return lines
}

/** Returns the number of common lines of both rests, for each pair of positions. */
function commonOf(one: string[], other: string[]): Uint32Array {
  const width = other.length + 1
  const table = new Uint32Array((one.length + 1) * width)
  for (let at = one.length - 1; at >= 0; at--) {
    for (let to = other.length - 1; to >= 0; to--) {
      const cell = at * width + to
      table[cell] =
        one[at] === other[to]
          ? table[cell + width + 1]! + 1
          : Math.max(table[cell + width]!, table[cell + 1]!)
    }
  }
  return table
}
