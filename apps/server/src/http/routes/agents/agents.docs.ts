import type { DocsTable } from '../../core/docs.ts'

const agent = 'agent_01933b5a000070008000000000000001'

const body = {
  name: 'Support',
  system_prompt: 'You answer questions about orders.',
  capabilities: [{ ref: 'current_time', config: { timezone: 'Europe/Kyiv' } }],
}

/** Error codes of requests that create or change an agent. */
const changeErrors = [
  'capability_unknown',
  'model_unavailable',
  'quota_exceeded',
  'forbidden',
  'agent_from_file',
  'agent_name_taken',
  'invalid_output_schema',
] as const

export const agentDocs = {
  list_agents: {
    tag: 'Agents',
    summary: 'List agents',
    description:
      'Returns the active agents of the organization, newest first; with `include_archived` also the archived ones. `search` finds agents by name, display name and description. `source` names agents that files of the project define. Secrets in the config of capabilities are replaced by `********`. Without `limit` it streams the whole list.',
    sample: 'const agents = await outlast.agents.list()',
  },
  create_agent: {
    tag: 'Agents',
    summary: 'Create an agent',
    description:
      'Creates an agent: a system prompt, a default model, capabilities and client tools under a name. With `id` it replaces the agent that has this id and returns 200, or creates it under this id. Without `id` it replaces the active agent that has the same name and returns 200, if the name is a slug: lower-case letters, digits and dashes. Two requests with one slug at the same time create one agent. Use `PUT` for the same with `If-Match`. An agent that a file of the project defines is not replaced. Only callers with `admin` access may change `retention_days`.',
    errors: [...changeErrors],
    request: body,
    sample:
      "const agent = await outlast.agents.create({\n  name: 'Support',\n  system_prompt: 'You answer questions about orders.',\n})",
  },
  preview_agent: {
    tag: 'Agents',
    summary: 'Preview an agent',
    description:
      'Returns the system prompt and the tools that a model would get from an agent, without creating the agent and without calling a model. `session` adds the capabilities and tools of a session with the agent. It changes nothing, although it is a POST.',
    errors: [
      'capability_unknown',
      'model_unavailable',
      'session_widens_agent',
      'invalid_output_schema',
    ],
    request: body,
    sample:
      "const preview = await outlast.agents.preview({\n  system_prompt: 'You answer questions about orders.',\n})",
  },
  check_agent_name: {
    tag: 'Agents',
    summary: 'Check the name of an agent',
    description:
      'Returns whether a new agent, or the agent `exclude_id`, can have a name. Only a slug can be taken, by another active agent.',
    sample: "const { available } = await outlast.agents.checkName({ name: 'support' })",
  },
  get_agent: {
    tag: 'Agents',
    summary: 'Get an agent',
    description:
      'Returns an agent by its id, active or archived, or an active agent by its slug. Secrets in the config of capabilities are replaced by `********`. The response has an `ETag` for `If-Match`.',
    sample: `const agent = await outlast.agents.get('${agent}')`,
  },
  copy_agent: {
    tag: 'Agents',
    summary: 'Copy an agent',
    description:
      'Creates an active agent with all properties of another one, secrets included, also of an archived one or one from a file. A slug gets `-copy` at its end, or `-copy-2` and so on if that name is taken. Other names get ` (copy)`.',
    errors: ['agent_name_taken', 'quota_exceeded'],
    sample: `const copy = await outlast.agents.copy('${agent}')`,
  },
  get_agent_stats: {
    tag: 'Agents',
    summary: 'Get the statistics of an agent',
    description:
      'Returns how many sessions an agent has, how many turns they ran, and the tokens and cost of these. Turns that ended before the upgrade to this release are not counted.',
    sample: `const stats = await outlast.agents.stats('${agent}')`,
  },
  put_agent: {
    tag: 'Agents',
    summary: 'Create or replace an agent',
    description:
      'Creates an agent under the id or name of the path and returns 201, or replaces the one that has it and returns 200. A new name must be that of the body. Absent properties return to their defaults, except `retention_days`, which stays. A secret sent as `********` keeps its stored value. Running turns finish with the configuration that they started with. An agent that a file of the project defines is not replaced. Only callers with `admin` access may change `retention_days`.',
    errors: [...changeErrors],
    request: body,
    sample: `const agent = await outlast.agents.put('${agent}', {\n  name: 'Support',\n  system_prompt: 'You answer questions about orders.',\n})`,
  },
  update_agent: {
    tag: 'Agents',
    summary: 'Update an agent',
    description:
      'Changes the given properties of an agent. Absent and null properties stay, except `retention_days`, where null inherits the value of the organization. `capabilities`, `tools` and `tags` replace the whole list; a secret sent as `********` keeps its stored value. The status `active` restores an archived agent. An agent that a file of the project defines is not changed. Only callers with `admin` access may change `retention_days`.',
    errors: [...changeErrors],
    sample: `const agent = await outlast.agents.update('${agent}', { name: 'Orders' })`,
  },
  delete_agent: {
    tag: 'Agents',
    summary: 'Archive or delete an agent',
    description:
      'Archives an active agent: it starts no new sessions, and its existing sessions continue. With `permanent` it deletes an archived agent that has no sessions; that cannot be undone. An agent that a file of the project defines is archived when the file is removed.',
    errors: ['agent_in_use', 'agent_from_file'],
    sample: `await outlast.agents.delete('${agent}')`,
  },
} as const satisfies DocsTable
