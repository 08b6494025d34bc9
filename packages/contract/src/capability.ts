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

const secondsMax = 30 * 24 * 3_600

/** A tool that the client runs: the model calls it, and the turn waits for the client's result. */
export const ClientTool = Type.Object(
  {
    type: Type.Literal('client_side'),
    name: Type.String({ pattern: '^[a-zA-Z0-9_-]{1,64}$' }),
    description: Type.String({ minLength: 1, maxLength: 10_240 }),
    parameters: Type.Optional(
      Type.Intersect([Type.Object({ type: Type.Optional(Type.Literal('object')) }), AnyObject], {
        description: 'The JSON Schema of its arguments; absent: any object.',
      }),
    ),
    policy: Type.Optional(oneOf('auto', 'requires_approval')),
    timeout_seconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: secondsMax,
        description: 'How long the turn waits for a result; absent: CLIENT_TOOL_TIMEOUT_HOURS.',
      }),
    ),
  },
  { title: 'ClientSideTool' },
)
export type ClientTool = Static<typeof ClientTool>

export const ClientTools = Type.Array(ClientTool, { maxItems: 128 })

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
  {
    ...ToolDefinition.properties,
    type: oneOf('builtin', 'client_side'),
    capability_id: Type.Optional(Type.String({ description: 'Absent for a tool of the client.' })),
  },
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

/** What the log says of a capability whose stored config is not valid. */
export const CapabilityUnavailable = Type.Object(
  { capability_id: Type.String(), error: Type.String() },
  { title: 'CapabilityUnavailableData' },
)
