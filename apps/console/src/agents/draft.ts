import type { Agent, CapabilityUse, ClientTool, NewAgent, PreviewAgent } from '@outlast/sdk'

/** An agent in the editor. */
export type AgentDraft = {
  name: string
  description: string
  prompt: string
  modelId: string | null
  tags: string[]
  uses: CapabilityUse[]
  /** Client tools as JSON. */
  tools: string
  /** JSON Schema of the answers. */
  outputSchema: string
}

export const fields = [
  'name',
  'description',
  'prompt',
  'modelId',
  'tags',
  'uses',
  'tools',
  'outputSchema',
] as const
export type Field = (typeof fields)[number]

export const labels: Record<Field, string> = {
  name: 'Name',
  description: 'Description',
  prompt: 'System prompt',
  modelId: 'Model',
  tags: 'Tags',
  uses: 'Capabilities',
  tools: 'Client tools',
  outputSchema: 'Output schema',
}

export const emptyDraft: AgentDraft = {
  name: '',
  description: '',
  prompt: '',
  modelId: null,
  tags: [],
  uses: [],
  tools: '',
  outputSchema: '',
}

export function agentDraft(agent: Agent | undefined): AgentDraft {
  if (!agent) return emptyDraft
  return {
    name: agent.name,
    description: agent.description ?? '',
    prompt: agent.system_prompt,
    modelId: agent.default_model_id ?? null,
    tags: agent.tags,
    uses: agent.capabilities,
    tools: agent.tools?.length ? JSON.stringify(agent.tools, null, 2) : '',
    outputSchema: agent.output_schema ? JSON.stringify(agent.output_schema, null, 2) : '',
  }
}

export const isSameField = (one: AgentDraft, other: AgentDraft, field: Field) =>
  textOf(one, field) === textOf(other, field)

/** Returns a field as text for comparison. */
export function textOf(draft: AgentDraft, field: Field): string {
  const value = draft[field]
  if (field === 'tags') return draft.tags.join('\n')
  return typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value, null, 2)
}

/** Returns the request body without empty fields. Throws if a field is not valid JSON. */
export function agentBody(draft: AgentDraft): NewAgent {
  const { name, description, prompt, modelId, tags, uses, tools, outputSchema } = draft
  for (const field of ['tools', 'outputSchema'] as const) {
    const problem = jsonProblem(draft[field])
    if (problem) throw new Error(`${labels[field]} is not valid JSON: ${problem}`)
  }
  return {
    name,
    system_prompt: prompt,
    tags,
    capabilities: uses,
    ...(description !== '' && { description }),
    ...(modelId && { default_model_id: modelId }),
    ...(tools.trim() !== '' && { tools: JSON.parse(tools) as ClientTool[] }),
    ...(outputSchema.trim() !== '' && { output_schema: JSON.parse(outputSchema) }),
  }
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
