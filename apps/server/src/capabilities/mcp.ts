import type { CapabilityUse, ClientTool } from '@outlast/contract'
import { type TObject, Type } from 'typebox'
import type { Db } from '../store/database.ts'
import { findMcpServers, type McpServerRow } from '../store/models/mcp-servers.ts'
import { changedTools, type ListedTool } from '../store/models/mcp-tools.ts'
import { type Capability, defineCapability, type Tool } from './capability.ts'
import { asksForApproval, wantedNames } from './catalog/approval.ts'
import type { Mcp, RemoteTool } from './mcp/mcp.ts'
import { areAmbiguous, namesFor, type ToolNaming } from './mcp/names.ts'
import { refOf, serverIdOf } from './mcp/ref.ts'
import {
  type SecretArgument,
  SecretArguments,
  type SecretHeader,
  SecretHeaders,
  withSecretArguments,
} from './secrets/secret-refs.ts'

const toolNames = (title: string, description: string) =>
  Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 128 }), {
      maxItems: 128,
      title,
      description,
    }),
  )

const config = Type.Object(
  {
    tools: toolNames(
      'Allowed tools',
      'Names of the tools that the agent gets, at most 128; by default all.',
    ),
    exclude_tools: toolNames(
      'Excluded tools',
      'Names of tools that the agent does not get, at most 128; by default none.',
    ),
    timeout_ms: Type.Optional(
      Type.Integer({
        minimum: 100,
        maximum: 3_600_000,
        title: 'Idle timeout (ms)',
        description:
          'Idle timeout of a call without result and progress, 100 to 3600000 ms; by default the time limit of the call.',
      }),
    ),
    secret_headers: SecretHeaders,
    secret_arguments: SecretArguments,
  },
  { additionalProperties: false },
)

type Config = {
  tools?: string[]
  exclude_tools?: string[]
  timeout_ms?: number
  secret_headers?: SecretHeader[]
  secret_arguments?: SecretArgument[]
  requires_approval?: unknown
}

type From = { db: Db; capabilities: readonly Capability[]; mcp: Mcp }
type Uses = readonly CapabilityUse[]

type NamedUses = { uses: Uses; clientTools?: readonly ClientTool[]; fresh?: boolean }

/**
 * Returns the capabilities of an organization: the built-in ones, and the MCP servers in `uses`.
 * `clientTools` reserves more names. `fresh`, for a turn or a preview: updates the tools, and
 * queries a server without a list.
 * Contract: no statement without MCP servers in `uses`.
 */
export async function capabilitiesFor(
  { db, capabilities, mcp }: From,
  orgId: string,
  { uses, clientTools = [], fresh = false }: NamedUses,
): Promise<readonly Capability[]> {
  const ids = uses.flatMap(({ ref }) => serverIdOf(ref) ?? [])
  if (ids.length === 0) return capabilities
  const stored = await findMcpServers(db, orgId, [...new Set(ids)])
  const servers = fresh ? await mcp.withTools(stored) : stored
  const names = clientTools.map(({ name }) => name)
  return [...capabilities, ...describeServers(servers, { capabilities, mcp }, { names, uses })]
}

type Together = { names?: readonly string[]; uses?: Uses }

/** Describes servers as capabilities with unique tool names. */
export function describeServers(
  servers: readonly McpServerRow[],
  { capabilities, mcp }: Omit<From, 'db'>,
  { names = [], uses = [] }: Together = {},
): Capability[] {
  const taken = new Set([...ownNames(capabilities), ...names])
  return servers.map((server) => {
    const others = servers.filter(({ id }) => id !== server.id)
    const foreign = new Set(
      others.flatMap(({ id }) => serverConfigs(id, uses).flatMap(wantedNames)),
    )
    const twin = others.find(
      (other) =>
        areAmbiguous(server.name, other.name) &&
        [server, other].some(({ id }) => serverConfigs(id, uses).some(asksForApproval)),
    )
    return capabilityOf(server, { names: namesFor(server, taken, foreign), twin, mcp })
  })
}

/** The configs of a server for agent and session. A config that is not an object has no effect. */
const serverConfigs = (id: string, uses: Uses): Config[] =>
  uses.flatMap(({ ref, config }) =>
    ref === refOf(id) && typeof config === 'object' && config !== null ? [config as Config] : [],
  )

const namesOf = new WeakMap<readonly Capability[], string[]>()

/** Names of built-in tools that could collide with names of MCP tools. */
function ownNames(capabilities: readonly Capability[]): string[] {
  const known = namesOf.get(capabilities)
  if (known) return known
  const tools = capabilities.flatMap((capability) => capability.tools({}))
  const names = tools.map(({ name }) => name).filter((name) => name.startsWith('mcp_'))
  namesOf.set(capabilities, names)
  return names
}

type Naming = {
  names: Map<string, ToolNaming>
  /** Another server whose tools could have the same names, where approval depends on them. */
  twin: McpServerRow | undefined
  mcp: Mcp
}

function capabilityOf(server: McpServerRow, { names, twin, mcp }: Naming): Capability {
  const { id, name, description, url, status, tools, tools_error } = server
  const count = tools?.tools.length ?? 0
  const isDown = status === 'active' && tools_error !== null
  const changed = new Set(changedTools(server))
  const about = { server_id: id, name, capability_id: refOf(id) }
  return {
    ...defineCapability({
      id: refOf(id),
      name,
      description: description || `MCP Server with ${count} tool${count === 1 ? '' : 's'}`,
      category: 'MCP Servers',
      icon: 'mcp',
      status: status === 'active' ? 'available' : 'disabled',
      config,
      sessionRules: {
        tools: 'intersection',
        exclude_tools: 'union',
        timeout_ms: 'smaller',
        secret_headers: 'agent',
        secret_arguments: 'agent',
      },
      prompt: () => (isDown ? missing(name, count) : undefined),
      tools: (config: Config) =>
        (tools?.tools ?? [])
          .filter(wanted(config))
          .map((tool) => toolOf(tool, names, { server, config, mcp, changed })),
    }),
    isUnlisted: tools === null,
    address: url,
    isAmbiguous: twin !== undefined,
    warnings: [...warningsOf(server, names), ...ambiguityOf(server, twin)],
    ...(isDown && { unavailable: { ...about, error: tools_error } }),
  }
}

const missing = (name: string, count: number) =>
  count === 0
    ? `The MCP server ${JSON.stringify(name)} cannot be reached now: its tools are missing. Do not guess their results.`
    : `The MCP server ${JSON.stringify(name)} could not be reached recently: calls of its tools may fail.`

const ambiguityOf = ({ name }: McpServerRow, twin: McpServerRow | undefined) =>
  twin
    ? [
        `Tools of the MCP servers ${name} and ${twin.name} could have the same names: all require approval.`,
      ]
    : []

function warningsOf(server: McpServerRow, names: Map<string, ToolNaming>): string[] {
  const { name, tools, tools_error } = server
  const changed = changedTools(server)
  const moved = [...names.values()].filter((named) => named.moved)
  return [
    ...(tools_error === null
      ? []
      : [`The tools of the MCP server ${name} cannot be listed: ${tools_error}`]),
    ...moved.map(
      (named) =>
        `A tool of the MCP server ${name} has the name ${named.name}: its own name is taken.`,
    ),
    ...(changed.length === 0
      ? []
      : [`The MCP server ${name} lists tools that are not reviewed: ${changed.join(', ')}.`]),
    ...(tools?.warnings ?? []).map((warning) => `MCP server ${name}: ${warning}`),
  ]
}

const wanted =
  ({ tools, exclude_tools = [] }: Config) =>
  ({ name }: ListedTool) =>
    (tools === undefined || tools.includes(name)) && !exclude_tools.includes(name)

type Of = { server: McpServerRow; config: Config; mcp: Mcp; changed: ReadonlySet<string> }

function toolOf(tool: ListedTool, names: Map<string, ToolNaming>, of: Of): Tool {
  const { server, config, mcp, changed } = of
  const { secret_headers: headers = [], secret_arguments: all = [] } = config
  const remote: RemoteTool = {
    orgId: server.org_id,
    serverId: server.id,
    server: server.name,
    tool: tool.name,
    silenceMs: config.timeout_ms,
    secrets: { headers, arguments: all },
  }
  return {
    name: names.get(tool.name)!.name,
    description: tool.description,
    replay: tool.replay,
    input: withSecretArguments(
      tool.parameters as unknown as TObject,
      all.filter((one) => one.tool === tool.name),
    ),
    unchecked: true,
    remoteName: tool.name,
    isChanged: changed.has(tool.name),
    run: (input, context) => mcp.call(remote, input, context),
  }
}
