const lengthMax = 60

/** A name without the differences that people make: `agentId` and `agent-id` are `agent_id`. */
const plain = (name: string) => name.toLowerCase().replace(/[_-]/g, '')

/**
 * The known name that a mistyped one most likely means; undefined if none is near. `mistakesMax`:
 * default one in three letters.
 */
export function nearestName(
  given: string,
  names: Iterable<string>,
  mistakesMax = Math.max(1, Math.floor(plain(given).length / 3)),
): string | undefined {
  if (given === '' || given.length > lengthMax) return undefined
  const wanted = plain(given)
  let distanceMax = mistakesMax
  let nearest: string | undefined
  for (const name of names) {
    const distance = distanceOf(wanted, plain(name))
    if (distance > distanceMax) continue
    nearest = name
    distanceMax = distance - 1
  }
  return nearest
}

/** A beginning counts as one mistake. */
const distanceOf = (from: string, to: string) =>
  from.length > 2 && from !== to && to.startsWith(from) ? 1 : editDistance(from, to)

/** Number of inserted, deleted, replaced and swapped letters. */
function editDistance(from: string, to: string): number {
  let [earlier, before]: [number[], number[]] = [
    [],
    Array.from({ length: to.length + 1 }, (_, at) => at),
  ]
  for (let row = 0; row < from.length; row += 1) {
    const now = [row + 1]
    for (let at = 0; at < to.length; at += 1) {
      const replaced = before[at]! + (from[row] === to[at] ? 0 : 1)
      const isSwapped = from[row] === to[at - 1] && from[row - 1] === to[at]
      const swapped = isSwapped ? earlier[at - 1]! + 1 : Number.POSITIVE_INFINITY
      now.push(Math.min(now[at]! + 1, before[at + 1]! + 1, replaced, swapped))
    }
    earlier = before
    before = now
  }
  return before.at(-1)!
}
