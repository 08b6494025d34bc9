import { type Static, Type } from 'typebox'
import { ToolDefinition } from './capability.ts'
import { McpServerId, Timestamp } from './id.ts'
import { AnyObject, count, oneOf, optional, pageOf } from './shape.ts'

const McpServerStatus = oneOf('active', 'disabled')
const TransportType = oneOf('http')
const Headers = Type.Record(Type.String(), Type.String())

/** A server of tools. Its key and the values of its headers go in and never come out. */
export const McpServer = Type.Object(
  {
    id: McpServerId,
    name: Type.String(),
    description: Type.Optional(Type.String()),
    url: Type.String(),
    transport_type: TransportType,
    headers: Type.Optional(Headers),
    api_key_set: Type.Boolean(),
    status: McpServerStatus,
    tool_count: Type.Optional(count({ description: 'Tools of the list that is kept.' })),
    tools_listed_at: Type.Optional(Timestamp),
    tools_error: Type.Optional(
      Type.String({ description: 'Why its tools could not be listed when last tried.' }),
    ),
    tools_hash: Type.Optional(
      Type.String({ description: 'Identifies the list that is kept, for confirming it.' }),
    ),
    tools_reviewed_at: Type.Optional(
      Type.String({
        format: 'date-time',
        description: 'When a list was last confirmed. The first list counts as confirmed.',
      }),
    ),
    changed_tools: Type.Optional(
      Type.Array(Type.String(), {
        description:
          'Tools that are new or changed since then, as the server calls them. Agents whose config has requires_approval need approval for them.',
      }),
    ),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  { title: 'McpServer' },
)
export type McpServer = Static<typeof McpServer>
export const McpServerPage = pageOf(McpServer, 'McpServerPage')

const name = Type.String({ minLength: 1, maxLength: 255 })
const description = Type.String({ maxLength: 10_240 })
const url = Type.String({ minLength: 1, maxLength: 2048 })
const apiKey = Type.String({ minLength: 1, maxLength: 8192 })
const headers = Type.Record(Type.String(), Type.String({ maxLength: 8192 }), { maxProperties: 100 })

export const NewMcpServer = Type.Object(
  {
    name,
    url,
    description: optional(description),
    transport_type: optional(TransportType),
    headers: optional(headers),
    api_key: optional(apiKey),
  },
  { title: 'CreateMcpServerRequest' },
)
export type NewMcpServer = Static<typeof NewMcpServer>

/** Absent or `null`: unchanged. `headers` replaces all; the value `********` keeps a header. */
export const McpServerChange = Type.Object(
  {
    name: optional(name),
    url: optional(url),
    description: optional(description),
    transport_type: optional(TransportType),
    headers: optional(headers),
    api_key: optional(apiKey),
    status: optional(McpServerStatus),
  },
  { title: 'UpdateMcpServerRequest' },
)
export type McpServerChange = Static<typeof McpServerChange>

/** Confirms the list of tools that has this hash. */
export const McpToolsReview = Type.Object(
  { tools_hash: Type.String({ pattern: '^[0-9a-f]{64}$' }) },
  { title: 'ReviewMcpToolsRequest' },
)
export type McpToolsReview = Static<typeof McpToolsReview>

/** A tool as models get it. `remote_name` is what its server calls it. */
const McpTool = Type.Object(
  {
    ...ToolDefinition.properties,
    remote_name: Type.String(),
    changed: Type.Optional(
      Type.Boolean({ description: 'True when it is new or changed since the list was confirmed.' }),
    ),
  },
  { title: 'McpTool' },
)

/** How a look at the server's tools went. */
export const McpServerTest = Type.Object(
  {
    ok: Type.Boolean(),
    message: Type.Optional(Type.String({ description: 'What is wrong, for a person.' })),
    latency_ms: Type.Optional(count({ description: 'Until all tools were listed.' })),
    server: Type.Optional(AnyObject),
    tools: Type.Array(McpTool),
    tools_hash: Type.Optional(
      Type.String({ description: 'Identifies this list, for confirming it.' }),
    ),
    warnings: Type.Array(Type.String()),
  },
  { title: 'McpServerTest' },
)
export type McpServerTest = Static<typeof McpServerTest>

/** What the log says of a server whose tools could not be listed. */
export const McpUnavailable = Type.Object(
  {
    server_id: McpServerId,
    name: Type.String(),
    capability_id: Type.String(),
    error: Type.String(),
  },
  { title: 'McpUnavailableData' },
)
