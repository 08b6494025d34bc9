import type { DocsTable } from '../../core/docs.ts'

const server = 'mcp_01933b5a000070008000000000000001'

export const mcpServerDocs = {
  list_mcp_servers: {
    tag: 'MCP servers',
    summary: 'List MCP servers',
    description:
      'Returns the MCP servers of the organization, newest first. API keys and header values are never returned.',
    sample: 'const servers = await outlast.mcpServers.list()',
  },
  create_mcp_server: {
    tag: 'MCP servers',
    summary: 'Create an MCP server',
    description:
      'Adds a remote MCP server, whose tools become a capability of the organization. The server is not contacted now; its tools are listed when a turn or a test needs them. API keys and header values are encrypted and bound to its address. An organization has at most 100 MCP servers.',
    errors: ['mcp_server_exists', 'mcp_servers_full', 'encryption_not_configured'],
    request: { name: 'Tracker', url: 'https://mcp.example.com/' },
    sample:
      "const server = await outlast.mcpServers.create({\n  name: 'Tracker',\n  url: 'https://mcp.example.com/',\n})",
  },
  get_mcp_server: {
    tag: 'MCP servers',
    summary: 'Get an MCP server',
    description:
      'Returns an MCP server, the time of its last tool list and, if the last attempt failed, why.',
    sample: `const server = await outlast.mcpServers.get('${server}')`,
  },
  update_mcp_server: {
    tag: 'MCP servers',
    summary: 'Update an MCP server',
    description:
      'Changes the given properties of an MCP server; absent and null properties stay. `headers` replaces all headers, and the value `********` keeps a stored one. The status `disabled` takes its tools out of use. A new address needs the API key and header values again in the same request.',
    errors: ['mcp_server_exists', 'secret_needed_again', 'encryption_not_configured'],
    request: { status: 'disabled' },
    sample: `const server = await outlast.mcpServers.update('${server}', { status: 'disabled' })`,
  },
  delete_mcp_server: {
    tag: 'MCP servers',
    summary: 'Delete an MCP server',
    description:
      'Deletes an MCP server with its keys and its tool list. Agents and sessions that name it continue without its tools.',
    sample: `await outlast.mcpServers.delete('${server}')`,
  },
  test_mcp_server: {
    tag: 'MCP servers',
    summary: 'Test an MCP server',
    description:
      'Connects to the server and lists its tools. The list replaces the stored one. A failure is a 200 with `ok: false` and the reason. `changed` marks tools that differ from the confirmed list.',
    sample: `const result = await outlast.mcpServers.test('${server}')`,
  },
  review_mcp_server: {
    tag: 'MCP servers',
    summary: 'Confirm the tools of an MCP server',
    description:
      'Confirms the tool list with the given `tools_hash`, so that new and changed tools run without the approval that they would otherwise need. A list that changed since you read it is not confirmed.',
    errors: ['mcp_tools_changed'],
    request: { tools_hash: '0'.repeat(64) },
    sample: `const server = await outlast.mcpServers.review('${server}', {\n  tools_hash: '${'0'.repeat(64)}',\n})`,
  },
} as const satisfies DocsTable
