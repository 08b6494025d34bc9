import { type Static, Type } from 'typebox'
import { AgentId, HarnessId, harnessId, ModelId, Timestamp } from '../core/id.ts'
import {
  described,
  listParameters,
  oneOf,
  optional,
  pageOf,
  RetentionDays,
  ShownName,
} from '../core/shape.ts'
import { TokenUsage } from '../core/usage.ts'
import { OutputSchema } from '../sessions/turn-settings.ts'
import { givenLimits, InitialFile, InitialFiles, shownLimits } from './agent-settings.ts'
import { CapabilityUse, CapabilityUses, ClientTool, ClientTools } from './capability.ts'

const slug = /^[a-z0-9-]+$/

/** True for a name that identifies an active agent: lower-case letters, digits and dashes. */
export const isAgentSlug = (name: string): boolean => slug.test(name)

export const AgentStatus = oneOf('active', 'archived')
export const AgentSource = oneOf('api', 'file')

export const Agent = Type.Object(
  {
    id: described(AgentId, 'Id of the agent, assigned by the server or chosen by the client.'),
    harness_id: HarnessId,
    name: Type.String({
      description:
        'Name: 1 to 255 characters. A slug, of lower-case letters, digits and dashes, names at most one active agent; other names need not be unique.',
    }),
    display_name: Type.Optional(
      Type.String({ description: 'Name to show instead of `name`. Absent if none was set.' }),
    ),
    description: Type.Optional(
      Type.String({ description: 'Purpose of the agent, for people. Absent if none was set.' }),
    ),
    system_prompt: Type.String({
      description: 'System prompt of the agent. Texts of capabilities precede it.',
    }),
    default_model_id: Type.Optional(
      described(
        ModelId,
        'Model of new sessions that name none. Absent: the default model of the organization.',
      ),
    ),
    tags: Type.Array(Type.String(), { description: 'Labels set by a client. Empty by default.' }),
    capabilities: Type.Array(CapabilityUse, {
      description:
        'Capabilities of the agent, in the order of their prompt texts. Empty by default.',
    }),
    tools: Type.Optional(
      Type.Array(ClientTool, {
        description: 'Client tools of the agent. Absent if there are none.',
      }),
    ),
    output_schema: Type.Optional(
      described(
        OutputSchema,
        'JSON Schema of the answers of all turns whose message names none. Absent: answers are text.',
      ),
    ),
    initial_files: Type.Optional(
      Type.Array(InitialFile, {
        description: 'Files of its new sessions. Absent if there are none.',
      }),
    ),
    ...shownLimits,
    retention_days: Type.Optional(
      described(
        RetentionDays,
        "Retention in days of the agent's idle sessions and failed turns. 0 keeps them forever. Absent: that of the organization.",
      ),
    ),
    status: described(
      AgentStatus,
      '`active`: the agent starts sessions. `archived`: it starts none and lists omit it; its sessions continue.',
    ),
    source: described(
      AgentSource,
      '`api`: created through this API. `file`: defined by a file of the project, so that the API cannot change it.',
    ),
    source_file: Type.Optional(
      Type.String({
        description:
          'File that defines the agent, relative to the project. Absent for agents of the API.',
        examples: ['agents/support.md'],
      }),
    ),
    usage: Type.Optional(
      described(
        TokenUsage,
        'Tokens and cost of all its sessions, deleted ones included. Absent before the first call.',
      ),
    ),
    created_at: described(Timestamp, 'Time at which the agent was created.'),
    updated_at: described(
      Timestamp,
      'Time of the latest change of a property. In quotes it is the `ETag` for `If-Match`.',
    ),
  },
  {
    title: 'Agent',
    description:
      'A system prompt, an optional model and capabilities under a name. Sessions are conversations with an agent.',
    examples: [
      {
        id: 'agent_01933b5a000070008000000000000101',
        harness_id: harnessId,
        name: 'Clock',
        description: 'Reports the time in Kyiv.',
        system_prompt: 'You report the time. Answer in one sentence.',
        default_model_id: 'model_01933b5a00007000800000000000020a',
        tags: ['demo'],
        capabilities: [{ ref: 'current_time', config: { timezone: 'Europe/Kyiv' } }],
        status: 'active',
        source: 'api',
        usage: { input_tokens: 48_210, output_tokens: 5_904, cost_usd: 0.023_86 },
        created_at: '2026-11-20T08:00:00.000Z',
        updated_at: '2026-11-24T16:42:10.305Z',
      },
    ],
  },
)
export type Agent = Static<typeof Agent>
export const AgentQuery = Type.Object({
  ...listParameters,
  search: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description:
        'Only agents whose name, display name or description contains this text, in any case.',
    }),
  ),
  include_archived: Type.Optional(
    Type.Boolean({ description: 'True: also return archived agents. Default: false.' }),
  ),
})
export type AgentQuery = Static<typeof AgentQuery>

export const DeleteAgentQuery = Type.Object({
  permanent: Type.Optional(
    Type.Boolean({
      description:
        'True: delete an archived agent that has no sessions, with its usage. False, the default: archive the agent.',
    }),
  ),
})
export type DeleteAgentQuery = Static<typeof DeleteAgentQuery>

export const AgentPage = pageOf(Agent, 'AgentPage')

export const CheckAgentNameQuery = Type.Object({
  name: described(ShownName, 'Name of a future agent: one line of 1 to 255 characters.'),
  exclude_id: Type.Optional(described(AgentId, 'Agent that may have the name: the one to rename.')),
})
export type CheckAgentNameQuery = Static<typeof CheckAgentNameQuery>

export const NameAvailability = Type.Object(
  {
    available: Type.Boolean({
      description:
        'False if the name is a slug and another active agent has it. True for all other names.',
    }),
  },
  {
    title: 'CheckAgentNameResponse',
    description: 'Whether an agent can have a name.',
    examples: [{ available: true }],
  },
)
export type NameAvailability = Static<typeof NameAvailability>

const name = ShownName
const systemPrompt = Type.String({ minLength: 1, maxLength: 1_048_576 })
const description = Type.String({ maxLength: 10_240 })
const tags = Type.Array(Type.String({ maxLength: 100 }), { maxItems: 50 })

const example = {
  name: 'Clock',
  system_prompt: 'You report the time. Answer in one sentence.',
  capabilities: [{ ref: 'current_time', config: { timezone: 'Europe/Kyiv' } }],
}

export const NewAgent = Type.Object(
  {
    id: optional(
      AgentId,
      'Id chosen by the client. An agent that already has it is replaced as a whole. Default: the id of the active agent with this name, if the name is a slug, otherwise a new id.',
    ),
    name: described(
      name,
      'Name: one line of 1 to 255 characters. A slug names at most one active agent.',
    ),
    system_prompt: described(systemPrompt, 'System prompt: 1 to 1,048,576 characters.'),
    display_name: optional(
      ShownName,
      'Name to show instead of `name`: one line of 1 to 255 characters. Default: none.',
    ),
    description: optional(
      description,
      'Purpose of the agent, for people: at most 10,240 characters. Default: none.',
    ),
    default_model_id: optional(
      ModelId,
      'Model of new sessions that name none. It must be active. Default: that of the organization.',
    ),
    tags: optional(tags, 'Labels: at most 50, each of at most 100 characters. Default: none.'),
    capabilities: optional(
      CapabilityUses,
      'Capabilities: at most 250, each `ref` once. Default: none.',
    ),
    tools: optional(
      ClientTools,
      'Client tools: at most 128, with names that no other tool of the agent has. Default: none.',
    ),
    output_schema: optional(
      OutputSchema,
      'JSON Schema of its answers: an object schema of at most 64 KiB and 5 levels. Default: none, answers are text.',
    ),
    initial_files: optional(
      InitialFiles,
      'Files of its new sessions: at most 100, with contents of at most 1,048,576 characters together. Of several at one path the last applies. Default: none.',
    ),
    ...givenLimits('Default: no limit of the agent.'),
    retention_days: optional(
      RetentionDays,
      "Retention of its idle sessions and failed turns in days, from 0 to 36,500. 0 keeps them forever; null inherits the organization's. Requires admin access. Default: null; when replacing an agent, unchanged.",
    ),
  },
  {
    title: 'CreateAgentRequest',
    description: 'A complete agent. Properties that are absent become empty.',
    examples: [example],
  },
)
export type NewAgent = Static<typeof NewAgent>

export const AgentChange = Type.Object(
  {
    name: optional(name, 'New name: one line of 1 to 255 characters. Absent or null: unchanged.'),
    system_prompt: optional(
      systemPrompt,
      'New system prompt: 1 to 1,048,576 characters. Absent or null: unchanged.',
    ),
    display_name: optional(
      ShownName,
      'New name to show: one line of 1 to 255 characters. Absent or null: unchanged.',
    ),
    description: optional(
      description,
      'New purpose: at most 10,240 characters. Absent or null: unchanged.',
    ),
    default_model_id: optional(
      ModelId,
      'New model of sessions created from now on. Absent or null: unchanged.',
    ),
    tags: optional(
      tags,
      'New labels, which replace the whole list: at most 50, each of at most 100 characters. Absent or null: unchanged.',
    ),
    capabilities: optional(
      CapabilityUses,
      'New capabilities, which replace the whole list: at most 250. Absent or null: unchanged.',
    ),
    tools: optional(
      ClientTools,
      'New client tools, which replace the whole list: at most 128. Absent or null: unchanged.',
    ),
    output_schema: optional(
      OutputSchema,
      'New JSON Schema of its answers, from the next turn on. `{}` removes it. Absent or null: unchanged.',
    ),
    initial_files: optional(
      InitialFiles,
      'New files of sessions created from now on, which replace the whole list: at most 100. Absent or null: unchanged.',
    ),
    ...givenLimits('Absent or null: unchanged.'),
    retention_days: optional(
      RetentionDays,
      "New retention in days, from 0 to 36,500. 0 keeps sessions forever; null inherits the organization's. Requires admin access. Absent: unchanged.",
    ),
    status: optional(
      AgentStatus,
      '`archived` archives the agent, `active` restores it. Absent or null: unchanged.',
    ),
  },
  {
    title: 'UpdateAgentRequest',
    description: 'Properties of an agent to change. Absent properties are unchanged.',
    examples: [{ description: 'Reports the time in Lviv.', tags: ['demo', 'time'] }],
  },
)
export type AgentChange = Static<typeof AgentChange>

export const PreviewAgent = Type.Object(
  {
    name: optional(name, 'Name of the agent. It has no effect on the preview.'),
    system_prompt: optional(
      Type.String({ maxLength: 1_048_576 }),
      'System prompt: at most 1,048,576 characters. Default: empty.',
    ),
    description: optional(description, 'Purpose of the agent. It has no effect on the preview.'),
    default_model_id: optional(ModelId, 'Model of the agent. Default: that of the organization.'),
    tags: optional(tags, 'Labels of the agent. They have no effect on the preview.'),
    capabilities: optional(CapabilityUses, 'Capabilities of the agent. Default: none.'),
    tools: optional(ClientTools, 'Client tools of the agent. Default: none.'),
    output_schema: optional(
      OutputSchema,
      'JSON Schema of its answers. It is checked and has no effect on the preview.',
    ),
    display_name: optional(ShownName, 'Name to show. It has no effect on the preview.'),
    initial_files: optional(InitialFiles, 'Files of sessions. They have no effect on the preview.'),
    ...givenLimits('It is checked and has no effect on the preview.'),
    session: optional(
      Type.Object({
        model_id: optional(ModelId, 'Model of the session. Default: that of the agent.'),
        capabilities: optional(
          CapabilityUses,
          'Capabilities that the session adds. Default: none.',
        ),
        tools: optional(ClientTools, 'Client tools that the session adds. Default: none.'),
      }),
      'Settings that a session with this agent would add. Default: none.',
    ),
  },
  {
    title: 'PreviewAgentRequest',
    description: 'An agent that need not be stored, and settings of a session with it.',
    examples: [{ ...example, session: { model_id: 'model_01933b5a00007000800000000000020a' } }],
  },
)
export type PreviewAgent = Static<typeof PreviewAgent>

export const ImportAgentQuery = Type.Object({
  'from-example': Type.Optional(
    Type.String({
      description: 'Name of an example to import. This server has none: every name is 404.',
    }),
  ),
})
export type ImportAgentQuery = Static<typeof ImportAgentQuery>

export const ExportAgentQuery = Type.Object({
  format: Type.Optional(
    described(
      oneOf('markdown', 'yaml', 'json'),
      'Format of the file. Default: `markdown`, with the prompt as its body.',
    ),
  ),
})
export type ExportAgentQuery = Static<typeof ExportAgentQuery>
