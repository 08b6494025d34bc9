import { type Static, Type } from 'typebox'
import { Timestamp } from '../core/id.ts'
import { count, described, nullable } from '../core/shape.ts'

const dollars = (description: string) => Type.Number({ minimum: 0, description })

export const AgentStats = Type.Object(
  {
    session_count: count('Number of its sessions, without deleted ones.'),
    started_session_count: count('Sessions with the status `started`.'),
    active_session_count: count('Sessions with the status `active`, also those that wait.'),
    idle_session_count: count('Sessions with the status `idle`.'),
    waiting_for_tool_results_session_count: count(
      'Sessions with a `waiting_for`, for any kind of answer.',
    ),
    execution_count: count('Number of ended turns, also of deleted sessions.'),
    total_session_duration_ms: count('Time of these turns in milliseconds, waits included.'),
    total_input_tokens: count('Input tokens of all its sessions, deleted ones included.'),
    total_output_tokens: count('Output tokens of all its sessions, deleted ones included.'),
    total_cache_read_tokens: count('Input tokens that vendors read from a cache.'),
    total_cache_creation_tokens: count('Input tokens that vendors wrote to a cache.'),
    total_actual_cost_usd: dollars('Cost reported by vendors in US dollars. Always 0.'),
    total_estimated_cost_usd: dollars('Cost by the prices of the catalogue in US dollars.'),
    total_cost_usd: dollars('The same as `total_estimated_cost_usd`.'),
    first_session_at: nullable(
      described(Timestamp, 'A time.'),
      'Time at which the oldest session was created. Null without sessions.',
    ),
    last_session_at: nullable(
      described(Timestamp, 'A time.'),
      'Time at which the newest session was created. Null without sessions.',
    ),
  },
  {
    title: 'ResourceStats',
    description: 'Counts of the sessions, turns and tokens of an agent.',
    examples: [
      {
        session_count: 1_204,
        started_session_count: 3,
        active_session_count: 2,
        idle_session_count: 1_199,
        waiting_for_tool_results_session_count: 1,
        execution_count: 4_810,
        total_session_duration_ms: 21_604_003,
        total_input_tokens: 4_821_004,
        total_output_tokens: 590_411,
        total_cache_read_tokens: 1_204_551,
        total_cache_creation_tokens: 0,
        total_actual_cost_usd: 0,
        total_estimated_cost_usd: 12.48,
        total_cost_usd: 12.48,
        first_session_at: '2026-11-20T08:00:00.000Z',
        last_session_at: '2026-11-25T09:30:00.000Z',
      },
    ],
  },
)
export type AgentStats = Static<typeof AgentStats>
