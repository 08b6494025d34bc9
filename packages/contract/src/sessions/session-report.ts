/** Reports about sessions: their number, their events, and what fills the prompt. */
import { type Static, Type } from 'typebox'
import { SessionId, Timestamp } from '../core/id.ts'
import { count, described, nullable } from '../core/shape.ts'
import { TokenUsage } from '../core/usage.ts'

export const SessionStats = Type.Object(
  {
    total: count('Number of sessions of the organization.'),
    started: count('Sessions without a turn so far.'),
    active: count('Sessions whose turn is queued, runs or waits.'),
    idle: count('Sessions whose latest turn has ended.'),
    waiting_for_tool_results: count('Sessions with `waiting_for`. They also count as `active`.'),
  },
  {
    title: 'SessionStats',
    description: 'Number of sessions by status. `started`, `active` and `idle` add up to `total`.',
    examples: [{ total: 120, started: 4, active: 6, idle: 110, waiting_for_tool_results: 2 }],
  },
)
export type SessionStats = Static<typeof SessionStats>

const EventTypeCount = Type.Object(
  {
    event_type: Type.String({ description: 'Event type.', examples: ['turn.completed'] }),
    count: count('Number of stored events of this type.'),
  },
  { title: 'EventTypeCount', description: 'Number of events of one type.' },
)

export const EventsSummary = Type.Object(
  {
    total: count('Number of stored events.'),
    by_type: Type.Array(EventTypeCount, { description: 'Counts by type, the largest first.' }),
    turn_count: count('Number of turns that began.'),
    error_count: count('Number of turns that failed.'),
    first_ts: nullable(Timestamp, 'Time of the first event.'),
    last_ts: nullable(Timestamp, 'Time of the last event.'),
  },
  {
    title: 'EventsSummary',
    description: 'Numbers of the stored events of a session.',
    examples: [
      {
        total: 3,
        by_type: [
          { event_type: 'input.message', count: 2 },
          { event_type: 'session.started', count: 1 },
        ],
        turn_count: 0,
        error_count: 0,
        first_ts: '2026-11-25T09:29:58.002Z',
        last_ts: '2026-11-25T09:30:00.120Z',
      },
    ],
  },
)
export type EventsSummary = Static<typeof EventsSummary>

const key = {
  description: '`system_prompt`, `tools` or `messages`.',
  examples: ['tools'],
}

const ContextSection = Type.Object(
  {
    key: Type.String(key),
    label: Type.String({ description: 'Name of the section, for people.' }),
    tokens: count('Estimated tokens of the section.'),
    items: count('Number of its parts: prompts, tools or messages.'),
  },
  { title: 'ContextReportSection', description: 'One section of the prompt.' },
)

const ContextContribution = Type.Object(
  {
    section_key: Type.String(key),
    source_id: Type.String({
      description: 'Origin: the id of a capability, `agent`, `client`, or a role of messages.',
      examples: ['current_time'],
    }),
    label: Type.String({ description: 'Name of the part, for people.' }),
    tokens: count('Estimated tokens of the part.'),
  },
  { title: 'ContextReportContribution', description: 'What one origin adds to the prompt.' },
)

export const ContextReport = Type.Object(
  {
    session_id: described(SessionId, 'Id of the session.'),
    model: Type.String({
      description: "The provider's name of the model of the next turn. Empty if none is usable.",
    }),
    context_window_tokens: nullable(
      Type.Integer({ minimum: 1 }),
      'Context window of that model in tokens. Null if it is unknown.',
    ),
    estimated_input_tokens: count('Estimated tokens of the next prompt: the sum of `sections`.'),
    sections: Type.Array(ContextSection, { description: 'Sections of the prompt, in its order.' }),
    contributions: Type.Array(ContextContribution, {
      description: 'Parts of the sections, in the same order.',
    }),
    cumulative_usage: nullable(
      TokenUsage,
      'Tokens and cost of all model calls of the session so far. Null before the first.',
    ),
  },
  {
    title: 'ContextReport',
    description:
      'Estimate of what fills the context window at the next model call. Models count differently.',
    examples: [
      {
        session_id: 'session_01933b5a00007000800000000000a001',
        model: 'gpt-5-mini',
        context_window_tokens: 400_000,
        estimated_input_tokens: 164,
        sections: [
          { key: 'system_prompt', label: 'System prompt', tokens: 24, items: 1 },
          { key: 'tools', label: 'Tools', tokens: 80, items: 1 },
          { key: 'messages', label: 'Messages', tokens: 60, items: 2 },
        ],
        contributions: [
          { section_key: 'system_prompt', source_id: 'agent', label: 'Prompt', tokens: 24 },
          {
            section_key: 'tools',
            source_id: 'current_time',
            label: 'get_current_time',
            tokens: 80,
          },
          { section_key: 'messages', source_id: 'user', label: 'user', tokens: 20 },
          { section_key: 'messages', source_id: 'agent', label: 'agent', tokens: 40 },
        ],
        cumulative_usage: { input_tokens: 1_840, output_tokens: 212 },
      },
    ],
  },
)
export type ContextReport = Static<typeof ContextReport>
