/** One look at the node that answers. Counts are since it started. */
export type Sample = {
  atMs: number
  completed: number
  failed: number
  /** Turns by the upper bound of their seconds, each with those before it; null: no bound. */
  turnSeconds: readonly Bucket[]
  firstTokenSeconds: readonly Bucket[]
}

type Bucket = { upTo: number; count: number }

/** The lines of one metric in Prometheus' text format: labels and value. */
function* linesOf(text: string, name: string) {
  const pattern = new RegExp(`^${name}(?:\\{(.*)\\})? ([^ ]+)`)
  for (const line of text.split('\n')) {
    const found = pattern.exec(line)
    if (found) yield { labels: found[1] ?? '', value: Number(found[2]) }
  }
}

const labelOf = (labels: string, name: string) =>
  new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1]

function bucketsOf(text: string, name: string): Bucket[] {
  const counts = new Map<number, number>()
  for (const { labels, value } of linesOf(text, `${name}_bucket`)) {
    const bound = labelOf(labels, 'le')
    const upTo = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound)
    counts.set(upTo, (counts.get(upTo) ?? 0) + value)
  }
  return [...counts]
    .map(([upTo, count]) => ({ upTo, count }))
    .sort((one, other) => one.upTo - other.upTo)
}

/** Reads what charts show out of `/metrics`. */
export function readSample(text: string, atMs: number): Sample {
  let completed = 0
  let failed = 0
  for (const { labels, value } of linesOf(text, 'outlast_turns_total')) {
    const outcome = labelOf(labels, 'outcome')
    if (outcome === 'completed') completed += value
    if (outcome === 'failed') failed += value
  }
  return {
    atMs,
    completed,
    failed,
    turnSeconds: bucketsOf(text, 'outlast_turn_seconds'),
    firstTokenSeconds: bucketsOf(text, 'outlast_time_to_first_token_seconds'),
  }
}

/**
 * The seconds that a part of what happened between two looks stayed below, as well as buckets tell; undefined where nothing
 * happened.
 */
export function quantile(
  before: readonly Bucket[],
  after: readonly Bucket[],
  part: number,
): number | undefined {
  const counts = after.map(({ upTo, count }, at) => ({
    upTo,
    count: count - (before[at]?.count ?? 0),
  }))
  const total = counts.at(-1)?.count ?? 0
  if (total <= 0) return undefined
  const wanted = total * part
  const at = counts.findIndex(({ count }) => count >= wanted)
  const from = counts[at - 1] ?? { upTo: 0, count: 0 }
  const { upTo, count } = counts[at]!
  if (!Number.isFinite(upTo)) return from.upTo
  return from.upTo + ((upTo - from.upTo) * (wanted - from.count)) / (count - from.count)
}
