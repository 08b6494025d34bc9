import { type Static, Type } from 'typebox'
import { CapabilityUse, CapabilityUses, ClientTool, ClientTools } from './capability.ts'
import { AgentId, EventId, HarnessId, ModelId, OrganizationId, SessionId, Timestamp } from './id.ts'
import { nullable, oneOf, optional, PageQuery, pageOf } from './shape.ts'
import { TokenUsage } from './usage.ts'

export const SessionStatus = oneOf('started', 'active', 'idle')
export type SessionStatus = Static<typeof SessionStatus>

/** What a turn waits for: results of tools that the client runs, or that somebody decides. */
export const WaitingFor = Type.Object(
  {
    type: oneOf('tool_results', 'approval'),
    tool_call_ids: Type.Array(Type.String()),
    since: Timestamp,
    calls: Type.Array(
      Type.Object({
        tool_call_id: Type.String(),
        tool_name: Type.String(),
        type: oneOf('tool_results', 'approval'),
        expires_at: Timestamp,
      }),
    ),
  },
  { title: 'WaitingFor' },
)
export type WaitingFor = Static<typeof WaitingFor>

/** What a session is a copy of. The source may be gone. */
export const ForkedFrom = Type.Object(
  { session_id: SessionId, sequence: Type.Integer({ minimum: 1 }) },
  { title: 'ForkedFrom' },
)
export type ForkedFrom = Static<typeof ForkedFrom>

/** One conversation with an agent. Every field is always there; `null` where it has no value. */
export const Session = Type.Object(
  {
    id: SessionId,
    organization_id: OrganizationId,
    agent_id: AgentId,
    harness_id: HarnessId,
    title: nullable(Type.String()),
    tags: Type.Array(Type.String()),
    model_id: nullable(ModelId),
    capabilities: Type.Array(CapabilityUse),
    tools: Type.Array(ClientTool),
    status: SessionStatus,
    waiting_for: nullable(WaitingFor),
    preview: nullable(Type.String({ description: 'How the first message begins.' })),
    output_preview: nullable(Type.String({ description: 'How the latest reply begins.' })),
    usage: nullable(TokenUsage),
    forked_from: nullable(ForkedFrom),
    legal_hold: Type.Boolean({
      description: 'True: neither a request nor retention deletes the session.',
    }),
    started_at: nullable(Timestamp),
    finished_at: nullable(Timestamp),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { title: 'Session' },
)
export type Session = Static<typeof Session>
export const SessionPage = pageOf(Session, 'SessionPage')

const title = Type.String({ maxLength: 255 })
const tags = Type.Array(Type.String({ maxLength: 100 }), { maxItems: 50 })

export const NewSession = Type.Object(
  {
    agent_id: AgentId,
    title: optional(title),
    tags: optional(tags),
    model_id: optional(ModelId),
    capabilities: optional(CapabilityUses),
    tools: optional(ClientTools),
  },
  { title: 'CreateSessionRequest' },
)
export type NewSession = Static<typeof NewSession>

/** Absent or `null`: unchanged. `tags` replaces the whole list. */
export const SessionChange = Type.Object(
  {
    title: optional(title),
    tags: optional(tags),
    legal_hold: optional(
      Type.Boolean({
        description: 'True places a legal hold, false releases it. Requires admin access.',
      }),
    ),
  },
  { title: 'UpdateSessionRequest' },
)
export type SessionChange = Static<typeof SessionChange>

/** Where to cut, at most one of the first two; without either the copy is whole. */
export const NewFork = Type.Object(
  {
    at_sequence: optional(
      Type.Integer({
        minimum: 1,
        maximum: 2_147_483_647,
        description: 'The last event that is copied.',
      }),
    ),
    event_id: optional(EventId),
    title: optional(title),
    tags: optional(tags),
    model_id: optional(ModelId),
  },
  { title: 'ForkSessionRequest' },
)
export type NewFork = Static<typeof NewFork>

export const ExportSessionQuery = Type.Object({
  files: Type.Optional(
    Type.Unsafe<'content'>({
      type: 'string',
      enum: ['content'],
      description: 'Files with what is in them.',
    }),
  ),
})
export type ExportSessionQuery = Static<typeof ExportSessionQuery>

export const SessionQuery = Type.Object({
  ...PageQuery.properties,
  agent_id: Type.Optional(AgentId),
  status: Type.Optional(SessionStatus),
  tag: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  legal_hold: Type.Optional(Type.Boolean({ description: 'Only sessions with, or without, one.' })),
  search: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: 'A part of the title or preview.' }),
  ),
})
export type SessionQuery = Static<typeof SessionQuery>
