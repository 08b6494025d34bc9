/** Finds the candidate that is nearest to a mistyped word, if one is near enough. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const most = Math.max(1, Math.floor(word.length / 3))
  let best: { candidate: string; distance: number } | undefined
  for (const candidate of candidates) {
    const begins = word.length > 2 && candidate.startsWith(word)
    const distance = begins ? 1 : distanceOf(word, candidate)
    if (distance <= most && distance < (best?.distance ?? Infinity)) best = { candidate, distance }
  }
  return best?.candidate
}

/** Formats the nearest candidate as a question, or as an empty text. */
export function didYouMean(word: string, candidates: Iterable<string>, before = ''): string {
  const found = nearest(word, candidates)
  return found === undefined ? '' : ` Did you mean ${before}${found}?`
}

/** Edit distance: insertions, deletions, replacements and swaps of neighboring letters. */
function distanceOf(from: string, to: string): number {
  let [earlier, before]: number[][] = [[], Array.from({ length: to.length + 1 }, (_, at) => at)]
  for (let row = 1; row <= from.length; row += 1) {
    const now = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1]
      const isSwapped =
        row > 1 &&
        column > 1 &&
        from[row - 1] === to[column - 2] &&
        from[row - 2] === to[column - 1]
      now[column] = Math.min(
        before![column]! + 1,
        now[column - 1]! + 1,
        before![column - 1]! + (isSame ? 0 : 1),
        isSwapped ? earlier![column - 2]! + 1 : Infinity,
      )
    }
    earlier = before!
    before = now
  }
  return before![to.length]!
}
