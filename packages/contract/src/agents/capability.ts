import { type Static, Type } from 'typebox'
import { MessageId, ModelId, ProviderId } from '../core/id.ts'
import {
  AnyObject,
  described,
  nullable,
  oneOf,
  optional,
  PageQuery,
  pageOf,
} from '../core/shape.ts'
import { Context, Instructions, OutputSchema } from '../sessions/turn-settings.ts'

const capabilityId = {
  description:
    'Id of the capability, such as `current_time`; for an MCP server `mcp:` and its UUID with dashes.',
  examples: ['current_time', 'mcp:01933b5a-0000-7000-8000-000000000001'],
}

export const CapabilityUse = Type.Object(
  {
    ref: Type.String({ minLength: 1, maxLength: 255, ...capabilityId }),
    config: Type.Optional(
      Type.Unknown({
        description:
          'Config of the capability, which must match its `config_schema`. Values of `writeOnly` fields are returned as `********`. Default: `{}`.',
      }),
    ),
  },
  {
    title: 'AgentCapabilityConfig',
    description: 'A capability of an agent or session, with its config.',
    examples: [{ ref: 'current_time', config: { timezone: 'Europe/Kyiv' } }],
  },
)
export type CapabilityUse = Static<typeof CapabilityUse>

export const CapabilityUses = Type.Array(CapabilityUse, { maxItems: 250 })

const policy = oneOf('auto', 'requires_approval')

export const ToolDefinition = Type.Object(
  {
    type: Type.Literal('builtin', { description: 'Always `builtin`: the server runs the tool.' }),
    name: Type.String({
      description: 'Name by which the model calls the tool. It is unique in the prompt.',
      examples: ['get_current_time'],
    }),
    description: Type.String({ description: 'Purpose and use of the tool, for the model.' }),
    parameters: described(AnyObject, "JSON Schema of the tool's arguments."),
    policy: described(
      policy,
      '`auto`: calls run at once. `requires_approval`: a person must approve each call.',
    ),
  },
  {
    title: 'ToolDefinition',
    description: 'A tool that a capability adds.',
    examples: [
      {
        type: 'builtin',
        name: 'get_current_time',
        description: 'Returns the current date and time.',
        parameters: { type: 'object', properties: { timezone: { type: 'string' } } },
        policy: 'auto',
      },
    ],
  },
)
export type ToolDefinition = Static<typeof ToolDefinition>

const secondsMax = 30 * 24 * 3_600

export const ClientTool = Type.Object(
  {
    type: Type.Literal('client_side', {
      description: 'Always `client_side`: a client runs the tool.',
    }),
    name: Type.String({
      pattern: '^[a-zA-Z0-9_-]{1,64}$',
      description:
        'Name by which the model calls the tool: 1 to 64 letters, digits, `_` or `-`. It must differ from the names of other tools of the agent.',
      examples: ['open_door'],
    }),
    description: Type.String({
      minLength: 1,
      maxLength: 10_240,
      description: 'Purpose and use of the tool, for the model: 1 to 10,240 characters.',
    }),
    parameters: Type.Optional(
      Type.Intersect(
        [
          Type.Object({
            type: Type.Optional(Type.Literal('object', { description: '`object` or absent.' })),
          }),
          AnyObject,
        ],
        {
          description:
            "JSON Schema of the tool's arguments, an object schema of at most 64 KiB. The server sends it to the model and does not validate arguments against it. Default: any object.",
        },
      ),
    ),
    policy: Type.Optional(
      described(
        policy,
        '`auto`, the default: the client runs each call. `requires_approval`: a person must approve a call first.',
      ),
    ),
    timeout_seconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: secondsMax,
        description:
          'Time in seconds that a turn waits for the result of a call, at most 30 days. Then the call has the status `timeout`. Default: the setting CLIENT_TOOL_TIMEOUT_HOURS.',
      }),
    ),
  },
  {
    title: 'ClientSideTool',
    description:
      'A tool that a client runs. The model calls it, and the turn waits until the client submits a result.',
    examples: [
      {
        type: 'client_side',
        name: 'open_door',
        description: 'Opens a door of the building.',
        parameters: {
          type: 'object',
          properties: { door: { type: 'string' } },
          required: ['door'],
        },
        timeout_seconds: 3_600,
      },
    ],
  },
)
export type ClientTool = Static<typeof ClientTool>

export const ClientTools = Type.Array(ClientTool, { maxItems: 128 })

export const CapabilityInfo = Type.Object(
  {
    id: Type.String(capabilityId),
    name: Type.String({ description: 'Display name of the capability.' }),
    description: Type.String({ description: 'Purpose of the capability, for people.' }),
    status: described(
      oneOf('available', 'coming_soon', 'deprecated'),
      '`available`: in use by agents that name it. `coming_soon`: adds nothing yet. `deprecated`: works, and is not recommended.',
    ),
    icon: Type.Optional(Type.String({ description: 'Name of an icon. Absent if there is none.' })),
    category: Type.Optional(
      Type.String({ description: 'Category for menus. Absent if there is none.' }),
    ),
    dependencies: Type.Optional(
      Type.Array(Type.String(), {
        description: 'Ids of capabilities that this one adds as well. Absent if there are none.',
      }),
    ),
    is_mcp: Type.Optional(
      Type.Boolean({
        description: 'True if the tools come from an MCP server. Absent for built-in capabilities.',
      }),
    ),
    system_prompt: optional(
      Type.String(),
      'Text that the capability adds to the system prompt. Absent if it adds none.',
    ),
    tool_definitions: Type.Optional(
      Type.Array(ToolDefinition, {
        description: 'Tools that the capability adds. Absent if it adds none.',
      }),
    ),
    config_schema: Type.Optional(
      described(AnyObject, 'JSON Schema of the config. Absent if there is no config.'),
    ),
  },
  {
    title: 'CapabilityInfo',
    description: 'A capability that agents and sessions can use: tools and prompt text.',
    examples: [
      {
        id: 'current_time',
        name: 'Current time',
        description: 'Lets the agent read the current date and time.',
        status: 'available',
        category: 'Utilities',
        config_schema: { type: 'object', properties: { timezone: { type: 'string' } } },
      },
    ],
  },
)
export type CapabilityInfo = Static<typeof CapabilityInfo>
export const CapabilityPage = pageOf(CapabilityInfo, 'CapabilityPage')

const PreviewTool = Type.Object(
  {
    ...ToolDefinition.properties,
    type: described(
      oneOf('builtin', 'client_side'),
      '`builtin`: the server runs the tool. `client_side`: a client runs it.',
    ),
    capability_id: Type.Optional(
      Type.String({
        description: 'Id of the capability that adds the tool. Absent for a client tool.',
      }),
    ),
  },
  { title: 'PreviewTool', description: 'A tool as the model receives it, and its origin.' },
)

const PreviewModel = Type.Object(
  {
    id: described(ModelId, 'Id of the model on this server.'),
    model_id: Type.String({
      description: "The provider's own name of the model.",
      examples: ['gpt-5-mini'],
    }),
    provider_id: described(ProviderId, 'Provider of the model.'),
    provider_type: Type.String({
      description: 'Type of the provider, as in `provider_type` of a provider.',
      examples: ['openai'],
    }),
  },
  { title: 'PreviewModel', description: 'The model that a turn would use.' },
)

export const TurnSettings = Type.Object(
  {
    message_id: described(MessageId, 'Message that started the turn.'),
    instructions: Type.Optional(
      described(Instructions, 'Text after the system prompt. Absent if there is none.'),
    ),
    context: Type.Optional(described(Context, 'Facts for the model. Absent if there are none.')),
    tools: Type.Optional(
      Type.Array(ClientTool, { description: 'Client tools. Absent if there are none.' }),
    ),
    output_schema: Type.Optional(
      described(OutputSchema, 'JSON Schema of the answer. Absent if the message has none.'),
    ),
  },
  {
    title: 'TurnSettings',
    description: 'Settings of a message that hold for its turn only.',
  },
)
export type TurnSettings = Static<typeof TurnSettings>

export const Preview = Type.Object(
  {
    system_prompt: Type.String({
      description: 'Complete system prompt: texts of capabilities, then the prompt of the agent.',
    }),
    tools: Type.Array(PreviewTool, {
      description: 'All tools, in the order in which the model receives them.',
    }),
    model: nullable(PreviewModel, 'Model of a turn. Null if no model is usable: turns would fail.'),
    capabilities: Type.Array(CapabilityUse, {
      description:
        'Capabilities in effect, dependencies first, with the merged config of agent and session.',
    }),
    warnings: Type.Array(Type.String(), {
      description:
        'Problems that do not prevent a turn, one sentence each. Empty if there are none.',
    }),
    turn_settings: Type.Optional(
      described(
        TurnSettings,
        'What the message of the running turn adds to that turn. Absent if no turn runs, or it adds nothing.',
      ),
    ),
  },
  {
    title: 'Preview',
    description: 'System prompt, tools and model that a turn would use. Nothing is stored.',
  },
)
export type Preview = Static<typeof Preview>

export const CapabilityUnavailable = Type.Object(
  {
    capability_id: Type.String(capabilityId),
    error: Type.String({ description: 'The problem, as a sentence.' }),
    reason: Type.Optional(
      described(
        oneOf('missing'),
        '`missing`: for 60 s no node that has the capability could take the turn. Absent if its stored config is invalid.',
      ),
    ),
  },
  {
    title: 'CapabilityUnavailableData',
    description:
      'Appended once per turn for each capability whose stored config is invalid, or that no node has. The turn runs without the capability. Show it to the owner of the agent.',
    examples: [{ capability_id: 'current_time', error: 'timezone must be an IANA time zone.' }],
  },
)

export const CapabilityQuery = Type.Object({
  ...PageQuery.properties,
  search: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description:
        'Only capabilities whose id, name or description contains this text, in any case.',
    }),
  ),
})
export type CapabilityQuery = Static<typeof CapabilityQuery>
