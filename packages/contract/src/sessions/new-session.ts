import { type Static, Type } from 'typebox'
import { EndUserId } from '../access/end-user.ts'
import { givenLimits, InitialFiles } from '../agents/agent-settings.ts'
import { CapabilityUses, ClientTools } from '../agents/capability.ts'
import { AgentId, EventId, ModelId } from '../core/id.ts'
import { AnyObject, integerMax, optional } from '../core/shape.ts'
import { SeedMessage } from '../messages/seed.ts'
import { SessionKey } from './session.ts'

const title = Type.String({ maxLength: 255 })
const tags = Type.Array(Type.String({ maxLength: 100 }), { maxItems: 50 })

export const NewSession = Type.Object(
  {
    agent_id: optional(
      AgentId,
      'Agent that answers in the session. It must not be archived. Default: the agent of `agent_name`, or the general agent of the organization, which has no prompt and no tools of its own.',
    ),
    agent_name: optional(
      Type.String({ minLength: 1, maxLength: 255 }),
      'Name of the agent, instead of its id: the newest active agent with this name. Default: none.',
    ),
    harness_id: optional(
      Type.String({ maxLength: 255 }),
      'Id of the harness. There is one, which is the default.',
    ),
    harness_name: optional(
      Type.String({ maxLength: 64 }),
      'Name of the harness: `default`, `base` or `generic`, which all mean the only one.',
    ),
    user: optional(
      EndUserId,
      'End user of your product to whom the session belongs. A token of an end user always creates sessions of that user. Default: none.',
    ),
    system_prompt: optional(
      Type.String({ maxLength: 100_000 }),
      'Text before the system prompt of the agent: at most 100,000 characters. Default: none.',
    ),
    locale: optional(
      Type.String({ maxLength: 35, pattern: '^[A-Za-z]{2,8}([_-][A-Za-z0-9]{1,8})*$' }),
      'Language of the user, as in BCP 47: `uk-UA`. Default: none.',
    ),
    hints: optional(
      AnyObject,
      'Facts about the client, for tools: an object of at most 16 KiB as JSON. Default: none.',
    ),
    key: optional(
      SessionKey,
      "Client's own name for the session: 1 to 200 printable characters. If the agent and the end user have a session with this key, that session is returned with 200 and all other fields are ignored. Default: none.",
    ),
    title: optional(title, 'Title for lists, at most 255 characters. Default: none.'),
    tags: optional(tags, 'Labels: at most 50, each of at most 100 characters. Default: none.'),
    model_id: optional(
      ModelId,
      "Model of the session's turns. It must be active. Default: the agent's `default_model_id` at this moment, or none.",
    ),
    capabilities: optional(
      CapabilityUses,
      "Capabilities to add to the agent's, at most 250, each `ref` once. A config can narrow limits of the agent, never widen them. Default: none.",
    ),
    tools: optional(
      ClientTools,
      "Client tools to add to the agent's, at most 128. A tool replaces the agent's tool of the same name, and must keep its `requires_approval`. Default: none.",
    ),
    initial_files: optional(
      InitialFiles,
      "Files of the session besides the agent's, which they replace at the same path: at most 100, with contents of at most 1,048,576 characters together. Default: none.",
    ),
    ...givenLimits("It can narrow the agent's, never widen it. Default: the agent's."),
    messages: optional(
      Type.Array(SeedMessage, { maxItems: 200 }),
      'Earlier messages of the conversation: at most 200, and 1 MiB. They are stored and start no turn. Each tool call needs its result in the next message. Default: none.',
    ),
  },
  {
    title: 'CreateSessionRequest',
    description:
      'Optional agent and settings of a new session. Every session has an agent: without a name or an id it is the general one.',
    examples: [
      {
        agent_id: 'agent_01933b5a000070008000000000000101',
        title: 'Weekly report',
        tags: ['reports'],
      },
    ],
  },
)
export type NewSession = Static<typeof NewSession>

export const SessionChange = Type.Object(
  {
    title: optional(
      title,
      'New title, at most 255 characters. Empty: no title. Absent or null: unchanged.',
    ),
    tags: optional(
      tags,
      'New list of labels, which replaces the whole list: at most 50, each of at most 100 characters. Absent or null: unchanged.',
    ),
    legal_hold: optional(
      Type.Boolean(),
      'True places a legal hold, false releases it. Requires admin access. Absent or null: unchanged.',
    ),
  },
  {
    title: 'UpdateSessionRequest',
    description: 'Properties of a session to change. An absent or `null` property is unchanged.',
    examples: [{ title: 'Weekly report, final', tags: ['reports', 'final'] }],
  },
)
export type SessionChange = Static<typeof SessionChange>

export const NewFork = Type.Object(
  {
    at_sequence: optional(
      Type.Integer({ minimum: 1, maximum: integerMax }),
      '`sequence` of the last event to copy. Not together with `event_id`. Default: all events.',
    ),
    event_id: optional(
      EventId,
      'Id of the last event to copy. Not together with `at_sequence`. Default: all events.',
    ),
    take_key: optional(
      Type.Boolean(),
      'True moves the key of the source to the fork. The source then has none, and names the fork in `superseded_by`. Default: false.',
    ),
    title: optional(title, "Title of the fork, at most 255 characters. Default: the source's."),
    tags: optional(
      tags,
      "Labels of the fork: at most 50, each of at most 100 characters. Default: the source's.",
    ),
    model_id: optional(ModelId, "Model of the fork's turns. Default: the source's."),
  },
  {
    title: 'ForkSessionRequest',
    description: 'Where to cut the copy, and properties that differ from the source.',
    examples: [{ at_sequence: 17, title: 'Weekly report, another way' }],
  },
)
export type NewFork = Static<typeof NewFork>
