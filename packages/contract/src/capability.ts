import { type Static, Type } from 'typebox'
import { ModelId, ProviderId } from './id.ts'
import { AnyObject, Anything, oneOf, optional, pageOf } from './shape.ts'

/** A capability put to use, with the config that makes it behave. */
export const CapabilityUse = Type.Object(
  { ref: Type.String({ minLength: 1, maxLength: 255 }), config: Type.Optional(Anything) },
  { title: 'AgentCapabilityConfig' },
)
export type CapabilityUse = Static<typeof CapabilityUse>

export const CapabilityUses = Type.Array(CapabilityUse, { maxItems: 250 })

export const ToolDefinition = Type.Object(
  {
    type: Type.Literal('builtin'),
    name: Type.String(),
    description: Type.String(),
    parameters: AnyObject,
    policy: oneOf('auto', 'requires_approval'),
  },
  { title: 'ToolDefinition' },
)
export type ToolDefinition = Static<typeof ToolDefinition>

/** What a capability is and adds, for those who choose one. */
export const CapabilityInfo = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    description: Type.String(),
    status: oneOf('available', 'coming_soon', 'deprecated'),
    icon: Type.Optional(Type.String()),
    category: Type.Optional(Type.String()),
    dependencies: Type.Optional(Type.Array(Type.String())),
    is_mcp: Type.Optional(Type.Boolean()),
    system_prompt: optional(Type.String()),
    tool_definitions: Type.Optional(Type.Array(ToolDefinition)),
    config_schema: Type.Optional(AnyObject),
  },
  { title: 'CapabilityInfo' },
)
export type CapabilityInfo = Static<typeof CapabilityInfo>
export const CapabilityPage = pageOf(CapabilityInfo, 'CapabilityPage')

/** A tool as a model gets it, and who brings it. */
const PreviewTool = Type.Object(
  { ...ToolDefinition.properties, capability_id: Type.String() },
  { title: 'PreviewTool' },
)

const PreviewModel = Type.Object(
  {
    id: ModelId,
    model_id: Type.String({ description: 'As the vendor calls it.' }),
    provider_id: ProviderId,
    provider_type: Type.String(),
  },
  { title: 'PreviewModel' },
)

/** What a model would be given. */
export const Preview = Type.Object(
  {
    system_prompt: Type.String(),
    tools: Type.Array(PreviewTool),
    model: Type.Union([PreviewModel, Type.Null()], {
      description: 'Null when no model can be used: a turn would fail.',
    }),
    capabilities: Type.Array(CapabilityUse, {
      description: 'What takes effect, dependencies first, with the config of agent and session.',
    }),
    warnings: Type.Array(Type.String()),
  },
  { title: 'Preview' },
)
export type Preview = Static<typeof Preview>
