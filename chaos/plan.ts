import { inTurn, randomOf } from './random.ts'

export type FaultKind =
  | 'kill'
  | 'kill_all'
  | 'stop'
  | 'deploy'
  | 'database_restart'
  | 'database_kill'
  | 'cut'
  | 'refuse'
  | 'lose_answers'
  | 'stall'

/** One thing that goes wrong, for `ms`, and how long everybody is left alone after it. */
export type Fault = {
  kind: FaultKind
  /** Which node, or undefined: all of them. */
  node: number | undefined
  ms: number
  pauseMs: number
}

/** How often each kind comes, in a round. */
const round: readonly FaultKind[] = [
  ...(['kill', 'kill', 'kill', 'kill', 'kill_all'] as const),
  ...(['stop', 'stop', 'stop', 'deploy'] as const),
  ...(['database_restart', 'database_kill'] as const),
  ...(['cut', 'cut', 'refuse', 'refuse', 'lose_answers', 'lose_answers'] as const),
  ...(['stall', 'stall'] as const),
]

/** Shortest and longest. A lease lapses after 1.5 s: a node is stopped for less and for more. */
const lengthsMs: Record<FaultKind, readonly [number, number]> = {
  kill: [0, 3_000],
  kill_all: [0, 1_500],
  stop: [800, 6_000],
  deploy: [0, 500],
  database_restart: [0, 0],
  database_kill: [0, 0],
  cut: [0, 0],
  refuse: [500, 8_000],
  lose_answers: [50, 600],
  stall: [300, 6_000],
}

const everybody = new Set<FaultKind>(['kill_all', 'deploy', 'database_restart', 'database_kill'])

/** What comes first: the shortest run has some of everything. */
const opening: readonly FaultKind[] = ['kill', 'database_kill', 'stop', 'cut']

/**
 * What goes wrong, without end.
 * Contract: pure; the same seed and nodes give the same plan.
 */
export function* planOf(seed: number, nodes: number): Generator<Fault, never> {
  const random = randomOf(seed, 'faults')
  const kinds = inTurn(random, round)
  for (let number = 0; ; number += 1) {
    const kind = opening[number] ?? kinds.next().value
    const [least, most] = lengthsMs[kind]
    const oneNode = random.between(0, nodes - 1)
    const all =
      everybody.has(kind) || (kind !== 'kill' && kind !== 'stop' && random.fraction() < 0.3)
    yield {
      kind,
      node: all ? undefined : oneNode,
      ms: random.between(least, most),
      pauseMs: random.between(500, 4_000),
    }
  }
}

const verbs: Record<FaultKind, string> = {
  kill: 'killed (-9)',
  kill_all: 'killed (-9), all at once',
  stop: 'stopped (SIGSTOP) and continued',
  deploy: 'stopped (SIGTERM) and started again, one after the other',
  database_restart: 'PostgreSQL restarted',
  database_kill: 'PostgreSQL killed (-9)',
  cut: 'connections to the database cut',
  refuse: 'the database out of reach',
  lose_answers: "the database's answers lost, then connections cut",
  stall: 'the network to the database silent',
}

/** A fault as people read it. */
export function describeFault({ kind, node, ms }: Fault): string {
  const who = node === undefined ? 'all nodes' : `node ${node + 1}`
  const length = ms > 0 ? ` for ${(ms / 1000).toFixed(1)} s` : ''
  if (kind === 'database_restart' || kind === 'database_kill') return verbs[kind]
  return `${who}: ${verbs[kind]}${length}`
}
