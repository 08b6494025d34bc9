import { type Static, Type } from 'typebox'
import { CapabilityUse, CapabilityUses, ClientTool, ClientTools } from './capability.ts'
import { AgentId, HarnessId, ModelId, Timestamp } from './id.ts'
import { oneOf, optional, PageQuery, pageOf, RetentionDays, ShownName } from './shape.ts'
import { TokenUsage } from './usage.ts'

export const AgentStatus = oneOf('active', 'archived')

/** A prompt, a model and capabilities under a name. `usage` sums all its sessions. */
export const Agent = Type.Object(
  {
    id: AgentId,
    harness_id: HarnessId,
    name: Type.String(),
    description: Type.Optional(Type.String()),
    system_prompt: Type.String(),
    default_model_id: Type.Optional(ModelId),
    tags: Type.Array(Type.String()),
    capabilities: Type.Array(CapabilityUse),
    tools: Type.Optional(Type.Array(ClientTool)),
    retention_days: Type.Optional(RetentionDays),
    status: AgentStatus,
    usage: Type.Optional(TokenUsage),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { title: 'Agent' },
)
export type Agent = Static<typeof Agent>
export const AgentQuery = Type.Object({
  ...PageQuery.properties,
  include_archived: Type.Optional(Type.Boolean({ description: 'Archived agents too.' })),
})
export type AgentQuery = Static<typeof AgentQuery>

export const DeleteAgentQuery = Type.Object({
  permanent: Type.Optional(
    Type.Boolean({ description: 'Deletes an archived agent that has no sessions.' }),
  ),
})
export type DeleteAgentQuery = Static<typeof DeleteAgentQuery>

export const AgentPage = pageOf(Agent, 'AgentPage')

const name = ShownName
const systemPrompt = Type.String({ minLength: 1, maxLength: 1_048_576 })
const description = Type.String({ maxLength: 10_240 })
const tags = Type.Array(Type.String({ maxLength: 100 }), { maxItems: 50 })

export const NewAgent = Type.Object(
  {
    id: optional(AgentId),
    name,
    system_prompt: systemPrompt,
    description: optional(description),
    default_model_id: optional(ModelId),
    tags: optional(tags),
    capabilities: optional(CapabilityUses),
    tools: optional(ClientTools),
    retention_days: optional(RetentionDays),
  },
  { title: 'CreateAgentRequest' },
)
export type NewAgent = Static<typeof NewAgent>

/**
 * Absent or `null`: unchanged, except `retention_days`, where `null` inherits the organization's
 * again. `capabilities`, `tools` and `tags` replace the whole list.
 */
export const AgentChange = Type.Object(
  {
    name: optional(name),
    system_prompt: optional(systemPrompt),
    description: optional(description),
    default_model_id: optional(ModelId),
    tags: optional(tags),
    capabilities: optional(CapabilityUses),
    tools: optional(ClientTools),
    retention_days: optional(RetentionDays),
    status: optional(AgentStatus),
  },
  { title: 'UpdateAgentRequest' },
)
export type AgentChange = Static<typeof AgentChange>

/** An agent that need not exist, and what a session would add. */
export const PreviewAgent = Type.Object(
  {
    name: optional(name),
    system_prompt: optional(Type.String({ maxLength: 1_048_576 })),
    description: optional(description),
    default_model_id: optional(ModelId),
    tags: optional(tags),
    capabilities: optional(CapabilityUses),
    tools: optional(ClientTools),
    session: optional(
      Type.Object(
        {
          model_id: optional(ModelId),
          capabilities: optional(CapabilityUses),
          tools: optional(ClientTools),
        },
        { description: 'What a session with this agent would bring.' },
      ),
    ),
  },
  { title: 'PreviewAgentRequest' },
)
export type PreviewAgent = Static<typeof PreviewAgent>

export const ExportAgentQuery = Type.Object({
  format: Type.Optional(oneOf('markdown', 'yaml', 'json')),
})
export type ExportAgentQuery = Static<typeof ExportAgentQuery>
