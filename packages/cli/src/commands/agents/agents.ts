import type { Agent, AgentChange } from '@outlast/sdk'
import { type Context, defineCommand, type Noun } from '../../core/command.ts'
import { agentFields, agentFlags, agentOfFile, preparedAgent } from '../../input/agent-input.ts'
import { changeOf, given } from '../../input/change.ts'
import { deletion } from '../../input/deletion.ts'
import { readText, writeText } from '../../input/input-file.ts'
import { listFlags, take } from '../../input/list.ts'
import { retentionOf } from '../../input/retention.ts'
import { showPreview } from '../../output/preview.ts'
import { ago, moment } from '../../output/time.ts'
import { usageText } from '../../output/usage.ts'
import { ruleVerbs } from '../sessions/decisions.ts'

const refsOf = ({ capabilities }: Pick<Agent, 'capabilities'>) =>
  capabilities?.map(({ ref }) => ref).join(', ')

/** The file that defines the agent, or `api`. Servers of 0.1 send none. */
const sourceOf = ({ source, source_file: file }: Agent) => file ?? source

const list = defineCommand({
  summary: 'list agents that are not archived',
  flags: {
    ...listFlags,
    archived: { type: 'boolean', about: 'include archived agents' },
    search: { type: 'string', value: 'TEXT', about: 'text in names or description' },
  },
  async run({ outlast, out, signal }, { flags }) {
    const { archived, search } = flags
    const more = { ...(archived && { include_archived: true }), ...(search && { search }) }
    const rows = take((page) => outlast.agents.list({ ...page, ...more }, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'NAME', value: ({ name }) => name, isFlexible: true },
        { title: 'STATUS', value: ({ status }) => status },
        { title: 'SOURCE', value: sourceOf, isFlexible: true },
        { title: 'CAPABILITIES', value: refsOf, isFlexible: true },
        { title: 'UPDATED', value: ({ updated_at }) => ago(updated_at), isExtra: true },
      ],
      { empty: 'No agents yet. `outlast agents create` creates one.' },
    )
  },
})

async function show({ out }: Context, agent: Agent): Promise<void> {
  await out.item(agent, {
    ID: agent.id,
    Name: agent.name,
    'Display name': agent.display_name,
    Description: agent.description,
    Status: agent.status,
    Source: sourceOf(agent),
    Model: agent.default_model_id ?? 'the default model',
    Capabilities: () => refsOf(agent),
    'Client tools': () => agent.tools?.map(({ name }) => name).join(', '),
    'Output schema': () => agent.output_schema && JSON.stringify(agent.output_schema),
    Tags: () => agent.tags?.join(', '),
    'Model calls per turn': agent.max_iterations?.toString(),
    'Tool calls': agent.parallel_tool_calls === false ? 'one at a time' : undefined,
    'Allowed hosts': () => agent.network_access?.allowed?.join(', '),
    'Blocked hosts': () => agent.network_access?.blocked?.join(', '),
    'Initial files': () => agent.initial_files?.map(({ path }) => path).join(', '),
    'Retention days': agent.retention_days?.toString(),
    Used: usageText(agent.usage),
    Created: moment(agent.created_at),
    Updated: moment(agent.updated_at),
  })
  if (out.mode !== 'text') return
  await out.line('\nSystem prompt:\n')
  await out.text(agent.system_prompt ?? '-')
}

const get = defineCommand({
  summary: 'show an agent with its system prompt',
  positionals: ['<agent>'],
  async run(context, { words }) {
    const { outlast, signal } = context
    await show(context, await outlast.agents.get(words[0]!, { signal }))
  },
})

const create = defineCommand({
  summary: 'create an agent from a file or flags',
  more: 'The file is Markdown with front matter, YAML or JSON, as `outlast agents export` writes it. - is stdin.\nFlags override the file.',
  flags: {
    file: { type: 'string', short: 'f', value: 'FILE', about: 'file of the agent' },
    ...agentFlags,
  },
  async run(context, { flags }) {
    const { outlast, out, signal } = context
    const fields = agentFields(flags)
    const agent =
      flags.file === undefined
        ? await outlast.agents.create(preparedAgent(fields), { signal })
        : await agentOfFile(context, await readText(context, flags.file), fields)
    await out.done(agent, `Created agent ${agent.id} (${agent.name}).`)
  },
})

const update = defineCommand({
  summary: 'update the fields of the flags',
  more: "--tag and --capability replace the whole list. --tag '' makes it empty.",
  positionals: ['<agent>'],
  flags: {
    ...agentFlags,
    'retention-days': {
      type: 'string',
      value: 'DAYS',
      about: 'retention of its idle sessions; 0 is unlimited; or inherit',
    },
    status: {
      type: 'string',
      choices: ['active', 'archived'],
      value: 'STATUS',
      about: 'archive it, or make it active',
    },
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const flag = '--retention-days'
    const days = flags['retention-days']
    const change: AgentChange = changeOf({
      ...agentFields(flags),
      ...given({
        status: flags.status,
        retention_days: days === undefined ? undefined : retentionOf(days, flag),
      }),
    })
    const agent = await outlast.agents.update(words[0]!, change, { signal })
    await out.done(agent, `Changed agent ${agent.id} (${agent.name}).`)
  },
})

const copy = defineCommand({
  summary: 'copy an agent',
  positionals: ['<agent>'],
  async run({ outlast, out, signal }, { words }) {
    const agent = await outlast.agents.copy(words[0]!, { signal })
    await out.done(agent, `Created agent ${agent.id} (${agent.name}).`)
  },
})

const stats = defineCommand({
  summary: 'count the sessions, turns and tokens of an agent',
  positionals: ['<agent>'],
  async run({ outlast, out, signal }, { words }) {
    const found = await outlast.agents.stats(words[0]!, { signal })
    await out.item(found, {
      Sessions: String(found.session_count),
      'Not started': String(found.started_session_count),
      Active: String(found.active_session_count),
      Waiting: String(found.waiting_for_tool_results_session_count),
      Idle: String(found.idle_session_count),
      Turns: String(found.execution_count),
      'Input tokens': String(found.total_input_tokens),
      'Output tokens': String(found.total_output_tokens),
      'Cost in USD': String(found.total_cost_usd),
    })
  },
})

const exportAgent = defineCommand({
  summary: 'export an agent as a file',
  positionals: ['<agent>'],
  flags: {
    format: {
      type: 'string',
      choices: ['markdown', 'yaml', 'json'],
      value: 'FORMAT',
      about: 'format (markdown, with --json json)',
    },
    output: { type: 'string', short: 'o', value: 'FILE', about: 'output file (stdout)' },
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const { output } = flags
    const format = flags.format ?? (out.mode === 'json' ? 'json' : undefined)
    const text = await outlast.agents.export(words[0]!, { ...(format && { format }) }, { signal })
    if (output === undefined || output === '-') return out.write(text)
    await writeText(output, text)
    out.note(`Wrote ${output}.`)
  },
})

const importAgent = defineCommand({
  summary: 'create an agent from a file, or replace the agent of its id',
  positionals: ['<file>'],
  async run(context, { words }) {
    const { outlast, out, signal } = context
    const agent = await outlast.agents.import(await readText(context, words[0]!), { signal })
    await out.done(agent, `Imported agent ${agent.id} (${agent.name}).`)
  },
})

const preview = defineCommand({
  summary: 'show the prompt, tools and model of a call',
  more: 'For an existing agent, for an agent of flags, or for both combined.',
  positionals: ['[agent]'],
  flags: agentFlags,
  async run({ outlast, out, signal }, { words, flags }) {
    const kept = words[0] === undefined ? {} : await outlast.agents.get(words[0], { signal })
    const { name, system_prompt, description, default_model_id, tags, capabilities, tools } =
      kept as Partial<Agent>
    const agent = { name, system_prompt, description, default_model_id, tags, capabilities, tools }
    const given = { ...agent, ...agentFields(flags) }
    await showPreview(out, await outlast.agents.preview(given, { signal }))
  },
})

export const agents: Noun = {
  list,
  get,
  create,
  update,
  copy,
  stats,
  delete: deletion({
    summary: 'archive an agent; its sessions stay',
    positional: '<agent>',
    question: (label) => `Archive agent ${label}?`,
    sentence: (id) =>
      `Archived agent ${id}. \`outlast agents update ${id} --status active\` restores it.`,
    remove: (outlast, id, options) => outlast.agents.delete(id, options),
  }),
  purge: deletion({
    summary: 'delete an archived agent without sessions',
    positional: '<agent>',
    question: (label) => `Permanently delete agent ${label}?`,
    sentence: (id) => `Deleted agent ${id}.`,
    remove: (outlast, id, options) => outlast.agents.purge(id, options),
  }),
  export: exportAgent,
  import: importAgent,
  preview,
  ...ruleVerbs('agent'),
}
