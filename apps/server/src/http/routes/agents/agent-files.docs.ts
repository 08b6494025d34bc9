import type { DocsTable } from '../../core/docs.ts'

const markdown = '---\nname: Support\n---\n\nYou answer questions about orders.\n'

export const agentFileDocs = {
  export_agent: {
    tag: 'Agents',
    summary: 'Export an agent',
    description:
      'Returns an agent as a file that `POST /v1/agents/import` accepts: Markdown with front matter, YAML or JSON. Secrets in the config of capabilities are left out.',
    response: markdown,
    sample:
      "const file = await outlast.agents.export('agent_01933b5a000070008000000000000001', {\n  format: 'yaml',\n})",
  },
  import_agent: {
    tag: 'Agents',
    summary: 'Import an agent',
    description:
      'Creates an agent from a file and returns 201, or replaces the agent whose id, or without one whose slug as a name, the file has and returns 200. The file is Markdown with front matter, YAML, JSON, or a bare system prompt. The server detects the format from the content and accepts any Content-Type. The file has at most 3 MiB.',
    errors: [
      'invalid_output_schema',
      'invalid_agent_file',
      'system_prompt_required',
      'capability_unknown',
      'model_unavailable',
      'quota_exceeded',
      'agent_from_file',
      'agent_name_taken',
    ],
    request: markdown,
    sample:
      "const file = '---\\nname: Support\\n---\\nYou answer questions about orders.'\nconst agent = await outlast.agents.import(file)",
  },
} as const satisfies DocsTable
