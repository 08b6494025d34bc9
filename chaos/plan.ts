import { inTurn, randomOf } from './random.ts'

export const faultKinds = [
  'kill',
  'kill_all',
  'stop',
  'deploy',
  'database_restart',
  'database_kill',
  'failover',
  'read_only',
  'connection_limit',
  'cut',
  'refuse',
  'lose_answers',
  'stall',
  'slow',
] as const

export type FaultKind = (typeof faultKinds)[number]

/** One fault that lasts `ms`, and the pause after it. */
export type Fault = {
  kind: FaultKind
  /** The number of the node; undefined: all nodes. */
  node: number | undefined
  ms: number
  pauseMs: number
}

/** How often each kind occurs in a round. */
const round: readonly FaultKind[] = [
  ...(['kill', 'kill', 'kill', 'kill', 'kill_all'] as const),
  ...(['stop', 'stop', 'stop', 'deploy'] as const),
  ...(['database_restart', 'database_kill', 'failover'] as const),
  ...(['read_only', 'connection_limit'] as const),
  ...(['cut', 'cut', 'refuse', 'refuse', 'lose_answers', 'lose_answers'] as const),
  ...(['stall', 'stall', 'slow'] as const),
]

/**
 * Shortest and longest duration. A lease expires after 1.5 s: a node is stopped for less and for
 * more.
 */
const lengthsMs: Record<FaultKind, readonly [number, number]> = {
  kill: [0, 3_000],
  kill_all: [0, 1_500],
  stop: [800, 6_000],
  deploy: [0, 500],
  database_restart: [0, 0],
  database_kill: [0, 0],
  failover: [0, 0],
  read_only: [500, 6_000],
  connection_limit: [500, 4_000],
  cut: [0, 0],
  refuse: [500, 8_000],
  lose_answers: [50, 600],
  stall: [300, 6_000],
  slow: [1_000, 6_000],
}

/** Faults of the database itself, not of the connection to it. */
const databaseFaults: readonly FaultKind[] = [
  ...(['database_restart', 'database_kill', 'failover'] as const),
  ...(['read_only', 'connection_limit'] as const),
]

const everybody = new Set<FaultKind>(['kill_all', 'deploy', ...databaseFaults])

/** The first faults, so that even the shortest run has each category. */
const opening: readonly FaultKind[] = ['kill', 'database_kill', 'stop', 'cut']

export type PlanOptions = { nodes: number; kinds?: readonly FaultKind[] }

/**
 * Generates an endless plan of faults of the given kinds, by default of all.
 * Contract: pure; the same seed, nodes and kinds give the same plan.
 */
export function* planOf(
  seed: number,
  { nodes, kinds = faultKinds }: PlanOptions,
): Generator<Fault, never> {
  const random = randomOf(seed, 'faults')
  const isChosen = (kind: FaultKind) => kinds.includes(kind)
  const first = opening.filter(isChosen)
  const later = inTurn(random, round.filter(isChosen))
  for (let number = 0; ; number += 1) {
    const kind = first[number] ?? later.next().value
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
  failover: 'the primary PostgreSQL killed, its standby promoted',
  read_only: 'the database read-only',
  connection_limit: 'no connections left at the database',
  cut: 'connections to the database cut',
  refuse: 'the database out of reach',
  lose_answers: "the database's answers lost, then connections cut",
  stall: 'the network to the database silent',
  slow: 'the database slow',
}

/** Describes a fault for reports. */
export function describeFault({ kind, node, ms }: Fault): string {
  const who = node === undefined ? 'all nodes' : `node ${node + 1}`
  const length = ms > 0 ? ` for ${(ms / 1000).toFixed(1)} s` : ''
  if (databaseFaults.includes(kind)) return `${verbs[kind]}${length}`
  return `${who}: ${verbs[kind]}${length}`
}
