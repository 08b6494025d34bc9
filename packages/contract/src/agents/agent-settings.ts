import { type Static, Type } from 'typebox'
import { described, nullable, oneOf, optional } from '../core/shape.ts'

export const InitialFile = Type.Object(
  {
    path: Type.String({
      minLength: 1,
      maxLength: 4096,
      description:
        'Absolute path, case-sensitive: at most 1,024 bytes and 64 levels, without `..`.',
      examples: ['/guides/refunds.md'],
    }),
    content: Type.String({
      maxLength: 1_048_576,
      description: 'Content of the file, in the form that `encoding` names.',
    }),
    encoding: optional(
      oneOf('text', 'base64'),
      'Form of `content`: `text`, which is the default, or `base64`.',
    ),
    is_readonly: optional(
      Type.Boolean(),
      'True protects the file against changes by tools. Default: false.',
    ),
  },
  {
    title: 'InitialFile',
    description: 'A file that a session has from its start.',
    examples: [
      { path: '/guides/refunds.md', content: 'Refund within 14 days.', is_readonly: true },
    ],
  },
)
export type InitialFile = Static<typeof InitialFile>

/** Limit of the contents of a list of initial files together. */
export const initialFilesLengthMax = 1_048_576

export const InitialFiles = Type.Array(InitialFile, { maxItems: 100 })

const entries = (description: string) =>
  optional(
    Type.Array(
      Type.String({
        minLength: 1,
        maxLength: 1_024,
        examples: ['example.com', '*.example.com', 'example.com/docs'],
      }),
      { maxItems: 200 },
    ),
    description,
  )

export const NetworkAccess = Type.Object(
  {
    allowed: entries(
      'Hosts that tools may reach: `example.com`, or `*.example.com` for every host below it, each with a path if only that part of the host is meant. At most 200. Empty or absent: every host.',
    ),
    blocked: entries(
      'Hosts that tools may not reach, in the same form. It has precedence over `allowed`. At most 200. Default: none.',
    ),
  },
  {
    title: 'NetworkAccessList',
    description: 'Hosts that web requests and MCP servers of a turn may use.',
    examples: [{ allowed: ['*.example.com'], blocked: ['admin.example.com'] }],
  },
)
export type NetworkAccess = Static<typeof NetworkAccess>

const MaxIterations = Type.Integer({ minimum: 1, maximum: 10_000 })

const iterations = 'Maximum number of model calls of a turn.'
const parallel = 'False: a reply of the model has at most one tool call.'
const network = 'Hosts that web requests and MCP servers of a turn may use.'

/** Limits of an agent's turns in a response. Absent: none. */
export const shownLimits = {
  max_iterations: Type.Optional(
    described(MaxIterations, `${iterations} Absent: the setting TURN_ITERATIONS_MAX.`),
  ),
  parallel_tool_calls: Type.Optional(
    Type.Boolean({ description: `${parallel} Absent: the model decides.` }),
  ),
  network_access: Type.Optional(
    described(NetworkAccess, `${network} Absent: every host on the public internet.`),
  ),
}

/** The same limits in a request; `absent` describes the meaning of an absent value. */
export const givenLimits = (absent: string) => ({
  max_iterations: optional(
    MaxIterations,
    `${iterations} At least 1, and at most the setting TURN_ITERATIONS_MAX. ${absent}`,
  ),
  parallel_tool_calls: optional(Type.Boolean(), `${parallel} ${absent}`),
  network_access: optional(NetworkAccess, `${network} ${absent}`),
})

/** Limits that a session adds to those of its agent. */
export const sessionLimits = {
  max_iterations: nullable(MaxIterations, `${iterations} Null: that of the agent.`),
  parallel_tool_calls: nullable(Type.Boolean(), `${parallel} Null: as the agent.`),
  network_access: nullable(
    NetworkAccess,
    `${network} The agent's hold in addition. Null: only the agent's hold.`,
  ),
}
