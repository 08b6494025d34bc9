import { type Static, Type } from 'typebox'
import { ToolDefinition } from '../agents/capability.ts'
import { McpServerId, Timestamp } from '../core/id.ts'
import { AnyObject, count, described, oneOf, optional, pageOf } from '../core/shape.ts'

const McpServerStatus = oneOf('active', 'disabled')
const TransportType = oneOf('http')
const Headers = Type.Record(Type.String(), Type.String())

const hash = 'SHA-256 of the list in 64 hex digits. Send it to confirm exactly this list.'
const hashExample = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'

export const McpServer = Type.Object(
  {
    id: described(
      McpServerId,
      'Id of the server. Agents use it as the capability `mcp:` and its digits as a UUID with dashes.',
    ),
    name: Type.String({
      description: 'Name of the server, unique in the organization and part of its tool names.',
      examples: ['tracker'],
    }),
    description: Type.Optional(
      Type.String({ description: 'Purpose of the server, for people. Absent if none was set.' }),
    ),
    url: Type.String({
      description: 'Address of the server, http or https.',
      examples: ['https://mcp.example.com/mcp'],
    }),
    transport_type: described(TransportType, 'Always `http`: Streamable HTTP.'),
    headers: Type.Optional(
      described(
        Headers,
        'Headers of every request to the server. All values are returned as `********`. Absent if there are none.',
      ),
    ),
    api_key_set: Type.Boolean({
      description: 'True if a key is stored. It is sent as `Authorization: Bearer`.',
    }),
    status: described(
      McpServerStatus,
      '`active`: agents can use the tools. `disabled`: agents that name it run without them.',
    ),
    tool_count: Type.Optional(count('Number of tools in the stored list. Absent before a list.')),
    tools_listed_at: Type.Optional(
      described(Timestamp, 'Time of the stored list of tools. Absent before the first list.'),
    ),
    tools_error: Type.Optional(
      Type.String({
        description: 'Why the latest attempt to list the tools failed. Absent if it succeeded.',
      }),
    ),
    tools_hash: Type.Optional(
      Type.String({
        description: `${hash} Absent before the first list.`,
        examples: [hashExample],
      }),
    ),
    tools_reviewed_at: Type.Optional(
      described(
        Timestamp,
        'Time at which a list was last confirmed. The first list counts as confirmed. Absent before it.',
      ),
    ),
    changed_tools: Type.Optional(
      Type.Array(Type.String(), {
        description:
          "Tools that are new or changed since then, by the server's own names. They need approval for agents whose config has `requires_approval`. Absent if there are none.",
      }),
    ),
    created_at: described(Timestamp, 'Time at which the server was added.'),
    updated_at: described(Timestamp, 'Time of the latest change of a property.'),
  },
  {
    title: 'McpServer',
    description: 'A server of the Model Context Protocol, whose tools agents can use.',
    examples: [
      {
        id: 'mcp_01933b5a000070008000000000000001',
        name: 'tracker',
        url: 'https://mcp.example.com/mcp',
        transport_type: 'http',
        headers: { 'X-Team': '********' },
        api_key_set: true,
        status: 'active',
        tool_count: 12,
        tools_listed_at: '2026-11-25T09:30:00.000Z',
        tools_hash: hashExample,
        tools_reviewed_at: '2026-11-25T09:30:00.000Z',
        created_at: '2026-11-24T08:00:00.000Z',
        updated_at: '2026-11-24T08:00:00.000Z',
      },
    ],
  },
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
    name: described(
      name,
      'Name of the server: 1 to 255 characters without `__`, unique in the organization.',
    ),
    url: described(
      url,
      'Address of the server: http or https, at most 2,048 characters, public unless PRIVATE_HOSTS_ALLOWED names it.',
    ),
    description: optional(
      description,
      'Purpose of the server, for people: at most 10,240 characters. Default: none.',
    ),
    transport_type: optional(TransportType, '`http`, which is the default: Streamable HTTP.'),
    headers: optional(
      headers,
      'Headers of every request to the server: at most 100, values of at most 8,192 characters. They are stored encrypted. Default: none.',
    ),
    api_key: optional(
      apiKey,
      'Key that is sent as `Authorization: Bearer`: at most 8,192 characters. It is stored encrypted and never returned. Default: none.',
    ),
  },
  {
    title: 'CreateMcpServerRequest',
    description: 'Name, address and credentials of an MCP server.',
    examples: [
      {
        name: 'tracker',
        url: 'https://mcp.example.com/mcp',
        api_key: 'secret',
        headers: { 'X-Team': 'blue' },
      },
    ],
  },
)
export type NewMcpServer = Static<typeof NewMcpServer>

export const McpServerChange = Type.Object(
  {
    name: optional(name, 'New name: 1 to 255 characters. Absent or null: unchanged.'),
    url: optional(
      url,
      'New address. One with another origin needs `api_key` and `headers` again in the same request. Absent or null: unchanged.',
    ),
    description: optional(
      description,
      'New purpose: at most 10,240 characters. Absent or null: unchanged.',
    ),
    transport_type: optional(TransportType, '`http`. Absent or null: unchanged.'),
    headers: optional(
      headers,
      'New headers, which replace all. The value `********` keeps the stored one. Absent or null: unchanged.',
    ),
    api_key: optional(apiKey, 'New key. It cannot be removed. Absent or null: unchanged.'),
    status: optional(
      McpServerStatus,
      '`disabled` takes the tools out of use, `active` brings them back. Absent or null: unchanged.',
    ),
  },
  {
    title: 'UpdateMcpServerRequest',
    description:
      'Properties of an MCP server to change. An absent or `null` property is unchanged.',
    examples: [{ status: 'disabled' }],
  },
)
export type McpServerChange = Static<typeof McpServerChange>

export const McpToolsReview = Type.Object(
  {
    tools_hash: Type.String({
      pattern: '^[0-9a-f]{64}$',
      description: '`tools_hash` of the list that was reviewed.',
      examples: [hashExample],
    }),
  },
  {
    title: 'ReviewMcpToolsRequest',
    description: 'The list of tools to confirm.',
    examples: [{ tools_hash: hashExample }],
  },
)
export type McpToolsReview = Static<typeof McpToolsReview>

const McpTool = Type.Object(
  {
    ...ToolDefinition.properties,
    remote_name: Type.String({
      description: "The server's own name of the tool.",
      examples: ['create_issue'],
    }),
    changed: Type.Optional(
      Type.Boolean({
        description: 'True if the tool is new or changed since a list was confirmed.',
      }),
    ),
  },
  { title: 'McpTool', description: 'A tool of an MCP server, as models receive it.' },
)

export const McpServerTest = Type.Object(
  {
    ok: Type.Boolean({ description: 'True if the tools were listed.' }),
    message: Type.Optional(
      Type.String({ description: 'Why the tools could not be listed. Absent if `ok`.' }),
    ),
    latency_ms: Type.Optional(
      count('Time until all tools were listed in milliseconds. Absent unless `ok`.'),
    ),
    server: Type.Optional(
      described(AnyObject, 'Name and version that the server reports. Absent unless `ok`.'),
    ),
    tools: Type.Array(McpTool, { description: 'Usable tools of the server. Empty unless `ok`.' }),
    tools_hash: Type.Optional(
      Type.String({ description: `${hash} Absent unless \`ok\`.`, examples: [hashExample] }),
    ),
    warnings: Type.Array(Type.String(), {
      description: 'Tools that were left out and other problems, one sentence each.',
    }),
  },
  {
    title: 'McpServerTest',
    description: 'Result of connecting to an MCP server and listing its tools.',
    examples: [
      {
        ok: false,
        message: 'Host not found: mcp.example.com.',
        tools: [],
        warnings: [],
      },
    ],
  },
)
export type McpServerTest = Static<typeof McpServerTest>

export const McpUnavailable = Type.Object(
  {
    server_id: described(McpServerId, 'Id of the MCP server.'),
    name: Type.String({ description: 'Name of the MCP server.', examples: ['tracker'] }),
    capability_id: Type.String({
      description: 'Capability of the server: `mcp:` and its UUID with dashes.',
      examples: ['mcp:01933b5a-0000-7000-8000-000000000001'],
    }),
    error: Type.String({ description: 'Why the tools could not be listed, as a sentence.' }),
  },
  {
    title: 'McpUnavailableData',
    description:
      'Appended once per turn for an MCP server whose tools could not be listed. The turn uses an older list if there is one, otherwise it runs without these tools.',
  },
)
