import type {
  Agent,
  CapabilityUse,
  ClientTool,
  InitialFile,
  NewAgent,
  PreviewAgent,
} from '@outlast/sdk'

/** An agent in the editor. */
export type AgentDraft = {
  name: string
  displayName: string
  description: string
  prompt: string
  modelId: string | null
  tags: string[]
  uses: CapabilityUse[]
  /** Client tools as JSON. */
  tools: string
  /** JSON Schema of the answers. */
  outputSchema: string
  maxIterations: number | null
  /** A reply of the model has at most one tool call. */
  oneCall: boolean
  allowedHosts: string[]
  blockedHosts: string[]
  /** Initial files as JSON. */
  files: string
}

export const fields = [
  'name',
  'displayName',
  'description',
  'prompt',
  'modelId',
  'tags',
  'uses',
  'tools',
  'outputSchema',
  'maxIterations',
  'oneCall',
  'allowedHosts',
  'blockedHosts',
  'files',
] as const
export type Field = (typeof fields)[number]

export const labels: Record<Field, string> = {
  name: 'Name',
  displayName: 'Display name',
  description: 'Description',
  prompt: 'System prompt',
  modelId: 'Model',
  tags: 'Tags',
  uses: 'Capabilities',
  tools: 'Client tools',
  outputSchema: 'Output schema',
  maxIterations: 'Model calls per turn',
  oneCall: 'One tool call at a time',
  allowedHosts: 'Allowed hosts',
  blockedHosts: 'Blocked hosts',
  files: 'Initial files',
}

export const emptyDraft: AgentDraft = {
  name: '',
  displayName: '',
  description: '',
  prompt: '',
  modelId: null,
  tags: [],
  uses: [],
  tools: '',
  outputSchema: '',
  maxIterations: null,
  oneCall: false,
  allowedHosts: [],
  blockedHosts: [],
  files: '',
}

export function agentDraft(agent: Agent | undefined): AgentDraft {
  if (!agent) return emptyDraft
  return {
    name: agent.name,
    displayName: agent.display_name ?? '',
    description: agent.description ?? '',
    prompt: agent.system_prompt,
    modelId: agent.default_model_id ?? null,
    tags: agent.tags,
    uses: agent.capabilities,
    tools: listText(agent.tools),
    outputSchema: agent.output_schema ? JSON.stringify(agent.output_schema, null, 2) : '',
    maxIterations: agent.max_iterations ?? null,
    oneCall: agent.parallel_tool_calls === false,
    allowedHosts: agent.network_access?.allowed ?? [],
    blockedHosts: agent.network_access?.blocked ?? [],
    files: listText(agent.initial_files),
  }
}

const listText = (list: readonly unknown[] | undefined) =>
  list?.length ? JSON.stringify(list, null, 2) : ''

export const isSameField = (one: AgentDraft, other: AgentDraft, field: Field) =>
  textOf(one, field) === textOf(other, field)

/** Returns a field as text for comparison. */
export function textOf(draft: AgentDraft, field: Field): string {
  const value = draft[field]
  if (field === 'tags' || field === 'allowedHosts' || field === 'blockedHosts') {
    return draft[field].join('\n')
  }
  return typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value, null, 2)
}

/** Returns the request body without empty fields. Throws if a field is not valid JSON. */
export function agentBody(draft: AgentDraft): NewAgent {
  const { name, displayName, description, prompt, modelId, tags, uses } = draft
  const { tools, outputSchema, files } = draft
  return {
    name,
    system_prompt: prompt,
    tags,
    capabilities: uses,
    ...(displayName !== '' && { display_name: displayName }),
    ...(description !== '' && { description }),
    ...(modelId && { default_model_id: modelId }),
    ...(tools.trim() !== '' && { tools: jsonInField<ClientTool[]>(tools, labels.tools) }),
    ...(outputSchema.trim() !== '' && {
      output_schema: jsonInField<NonNullable<NewAgent['output_schema']>>(
        outputSchema,
        labels.outputSchema,
      ),
    }),
    ...(files.trim() !== '' && { initial_files: jsonInField<InitialFile[]>(files, labels.files) }),
    ...limitsOf(draft),
  }
}

function limitsOf({ maxIterations, oneCall, allowedHosts, blockedHosts }: AgentDraft) {
  const access = {
    ...(allowedHosts.length > 0 && { allowed: allowedHosts }),
    ...(blockedHosts.length > 0 && { blocked: blockedHosts }),
  }
  return {
    ...(maxIterations !== null && { max_iterations: maxIterations }),
    ...(oneCall && { parallel_tool_calls: false }),
    ...(Object.keys(access).length > 0 && { network_access: access }),
  }
}

function jsonInField<Value>(text: string, label: string): Value {
  const problem = jsonProblem(text)
  if (problem) throw new Error(`${label}: not valid JSON: ${problem}`)
  return JSON.parse(text)
}

/** The server sends this instead of a secret. */
const mask = '********'

/** Removes masked secrets. Only the stored agent has their values. */
export const withoutMasked = (uses: readonly CapabilityUse[]): CapabilityUse[] =>
  uses.map((use) => {
    const known = Object.entries(use.config ?? {}).filter(([, value]) => value !== mask)
    return use.config ? { ...use, config: Object.fromEntries(known) } : use
  })

/** Returns the JSON error of a text, if any. */
export function jsonProblem(text: string): string | undefined {
  if (text.trim() === '') return undefined
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Returns the request body of a preview, without secrets and without an empty name. */
export function previewBodyOf(draft: AgentDraft): PreviewAgent {
  const { name, ...rest } = agentBody(draft)
  return { ...rest, capabilities: withoutMasked(draft.uses), ...(name !== '' && { name }) }
}

/** Merges two versions: each field comes from `mine` or `theirs`. */
export const chosenOf = (
  mine: AgentDraft,
  theirs: AgentDraft,
  isMine: (field: Field) => boolean,
): AgentDraft =>
  Object.fromEntries(
    fields.map((field) => [field, (isMine(field) ? mine : theirs)[field]]),
  ) as AgentDraft

/** Returns the file name of an exported agent. */
export function fileNameOf(name: string, ending: string): string {
  const words = name.toLowerCase().match(/[a-z0-9]+/g) ?? ['agent']
  return `${words.join('-')}.${ending}`
}
