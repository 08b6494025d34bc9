import { type Static, Type } from 'typebox'
import { Timestamp } from './id.ts'
import { count, nullable, oneOf, pageOf } from './shape.ts'

/** A node: a process of this server, on one database with the others. */
export const Worker = Type.Object(
  {
    id: Type.String(),
    version: Type.String(),
    role: Type.String(),
    slots: count({ description: 'Turns that it takes from the queue at once.' }),
    used_slots: count({ description: 'Turns that it runs; those that arrive at it come on top.' }),
    alive: Type.Boolean(),
    draining: Type.Boolean(),
    lease_until: Timestamp,
    started_at: Timestamp,
  },
  { title: 'Worker' },
)
export type Worker = Static<typeof Worker>
export const WorkerPage = pageOf(Worker, 'WorkerPage')

/** How the turns of an organization are, and to operators the nodes. */
export const DurableHealth = Type.Object(
  {
    status: oneOf('ok', 'degraded'),
    problems: Type.Array(Type.String(), { description: 'What is wrong, a sentence each.' }),
    queued: count(),
    running: count(),
    waiting: count(),
    failed: count({ description: 'Turns that failed for good and were not tried again.' }),
    oldest_queued_at: nullable(Timestamp),
    workers: Type.Optional(
      Type.Object({ alive: count(), draining: count(), slots: count(), used_slots: count() }),
    ),
    disk: Type.Optional(
      Type.Object(
        { free_bytes: count(), size_bytes: count() },
        { description: 'Where the embedded database of this node keeps its data.' },
      ),
    ),
  },
  { title: 'DurableHealth' },
)
export type DurableHealth = Static<typeof DurableHealth>

export const TurnHistoryQuery = Type.Object({
  minutes: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1_440, description: 'How far back; 60 without it.' }),
  ),
})
export type TurnHistoryQuery = Static<typeof TurnHistoryQuery>

const time = (description: string) => nullable(count({ description }))

/** Counts of all nodes, oldest step first. Every step is there; times are `null` without values. */
export const TurnHistory = Type.Object(
  {
    step_seconds: count(),
    steps: Type.Array(
      Type.Object({
        at: Timestamp,
        completed: count(),
        failed: count(),
        cancelled: count(),
        turn_p50_ms: time('Half of the turns that completed took no longer, their waits included.'),
        turn_p95_ms: time('19 of 20 took no longer.'),
        first_token_p50_ms: time("Half of the models' replies began no later."),
        first_token_p95_ms: time('19 of 20 began no later.'),
      }),
    ),
  },
  { title: 'TurnHistory' },
)
export type TurnHistory = Static<typeof TurnHistory>
