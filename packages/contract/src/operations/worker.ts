import { type Static, Type } from 'typebox'
import { Timestamp } from '../core/id.ts'
import { count, described, nullable, oneOf, pageOf } from '../core/shape.ts'

export const Worker = Type.Object(
  {
    id: Type.String({
      description: 'Id of the node, new at each start of its process.',
      examples: ['node_3ac7a5e332459a28'],
    }),
    version: Type.String({ description: 'Version of the server.', examples: ['0.1.0'] }),
    catalog_hash: nullable(
      Type.String({ examples: ['6b0c4f1d92ae7358'] }),
      'Identifies the capabilities of the node with their tools, schemas and prompts: nodes with the same code have the same hash. Null for a node of version 0.1.',
    ),
    role: Type.String({
      description: 'The setting ROLE: `all`, `api` (runs no turns) or `worker` (serves no API).',
      examples: ['all'],
    }),
    slots: count('Number of turns that the node takes from the queue at the same time.'),
    used_slots: count(
      'Number of turns that the node runs. Messages posted to it can make it exceed `slots`.',
    ),
    alive: Type.Boolean({ description: 'True while the lease of the node is valid.' }),
    draining: Type.Boolean({
      description: 'True if the node takes no new turns and finishes those that it runs.',
    }),
    lease_until: described(
      Timestamp,
      'End of its lease, which it renews every 500 ms. Other nodes take its turns over afterwards.',
    ),
    started_at: described(Timestamp, 'Time at which the process started.'),
  },
  {
    title: 'Worker',
    description: 'A node: a process of this server, which shares the database with other nodes.',
    examples: [
      {
        id: 'node_3ac7a5e332459a28',
        version: '0.1.0',
        catalog_hash: '6b0c4f1d92ae7358',
        role: 'all',
        slots: 128,
        used_slots: 3,
        alive: true,
        draining: false,
        lease_until: '2026-11-25T09:30:01.500Z',
        started_at: '2026-11-25T08:00:00.000Z',
      },
    ],
  },
)
export type Worker = Static<typeof Worker>
export const WorkerPage = pageOf(Worker, 'WorkerPage')

const NodeCounts = Type.Object({
  alive: count('Number of nodes with a valid lease.'),
  draining: count('Number of these nodes that take no new turns.'),
  slots: count('Sum of the `slots` of these nodes.'),
  used_slots: count('Number of turns that these nodes run.'),
})

const Disk = Type.Object({
  free_bytes: count('Free space in bytes.'),
  size_bytes: count('Size of the file system in bytes.'),
})

export const DurableHealth = Type.Object(
  {
    status: described(oneOf('ok', 'degraded'), '`degraded` if `problems` is not empty.'),
    problems: Type.Array(Type.String(), {
      description:
        'Problems that delay turns, one sentence each. Empty if there are none. Under `outlast dev` also those of code that cannot be loaded, for operators.',
    }),
    queued: count('Number of turns that wait for a slot of a node.'),
    running: count('Number of turns that a node runs.'),
    waiting: count('Number of turns that wait for a client, an approval, answers or a budget.'),
    failed: count('Number of stored failed turns that were not retried.'),
    oldest_queued_at: nullable(
      Timestamp,
      'Time since which the oldest queued turn has waited. Null if none is queued.',
    ),
    workers: Type.Optional(
      described(NodeCounts, 'Counts of nodes. Only for operators, absent for other callers.'),
    ),
    disk: Type.Optional(
      described(
        Disk,
        'Disk of the embedded database. Only for operators, and absent with DATABASE_URL.',
      ),
    ),
  },
  {
    title: 'DurableHealth',
    description: "State of the organization's turns, and for operators of the nodes.",
    examples: [
      {
        status: 'ok',
        problems: [],
        queued: 0,
        running: 3,
        waiting: 1,
        failed: 0,
        oldest_queued_at: null,
        workers: { alive: 2, draining: 0, slots: 256, used_slots: 3 },
      },
    ],
  },
)
export type DurableHealth = Static<typeof DurableHealth>

export const TurnHistoryQuery = Type.Object({
  minutes: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_440,
      default: 60,
      description: 'Length of the history in minutes, from 1 to 1,440. Default: 60.',
    }),
  ),
})
export type TurnHistoryQuery = Static<typeof TurnHistoryQuery>

const quantile = (share: string, time: string) =>
  nullable(count(), `${share} of ${time} in milliseconds. Null without values.`)

const turnTime = 'the times of completed turns, waits included,'
const tokenTime = 'the times to the first token of replies'

export const TurnHistory = Type.Object(
  {
    step_seconds: count('Length of a step in seconds.'),
    steps: Type.Array(
      Type.Object(
        {
          at: described(Timestamp, 'Start of the step.'),
          completed: count('Number of turns that completed.'),
          failed: count('Number of turns that failed.'),
          cancelled: count('Number of turns that were cancelled.'),
          turn_p50_ms: quantile('Median', turnTime),
          turn_p95_ms: quantile('95th percentile', turnTime),
          first_token_p50_ms: quantile('Median', tokenTime),
          first_token_p95_ms: quantile('95th percentile', tokenTime),
        },
        { description: 'Counts and times of one step.' },
      ),
      { description: 'Steps without gaps, oldest first, at most 120.' },
    ),
  },
  {
    title: 'TurnHistory',
    description: 'Ended turns of all nodes and organizations over time.',
    examples: [
      {
        step_seconds: 60,
        steps: [
          {
            at: '2026-11-25T09:30:00.000Z',
            completed: 42,
            failed: 1,
            cancelled: 0,
            turn_p50_ms: 2_900,
            turn_p95_ms: 11_500,
            first_token_p50_ms: 480,
            first_token_p95_ms: 1_400,
          },
        ],
      },
    ],
  },
)
export type TurnHistory = Static<typeof TurnHistory>
