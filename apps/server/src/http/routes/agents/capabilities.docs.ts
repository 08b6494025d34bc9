import type { DocsTable } from '../../core/docs.ts'

export const capabilityDocs = {
  list_capabilities: {
    tag: 'Capabilities',
    summary: 'List capabilities',
    description:
      'Returns the capabilities that agents and sessions can use, in the order of their ids: those of the server and one for each active MCP server of the organization. `search` finds them by id, name and description.',
    sample: 'const capabilities = await outlast.capabilities.list()',
  },
  get_capability: {
    tag: 'Capabilities',
    summary: 'Get a capability',
    description:
      'Returns a capability with its tools, its prompt text and the JSON Schema of its config. Use it to build a form for the config.',
    sample: "const capability = await outlast.capabilities.get('current_time')",
  },
} as const satisfies DocsTable
