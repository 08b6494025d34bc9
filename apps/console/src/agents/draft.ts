import type { Agent, CapabilityUse, ClientTool, NewAgent, PreviewAgent } from '@outlast/sdk'

/** An agent as it stands in the editor. */
export type AgentDraft = {
  name: string
  description: string
  prompt: string
  modelId: string | null
  tags: string[]
  uses: CapabilityUse[]
  /** Tools of the client, as JSON. */
  tools: string
}

export const fields = ['name', 'description', 'prompt', 'modelId', 'tags', 'uses', 'tools'] as const
export type Field = (typeof fields)[number]

export const labels: Record<Field, string> = {
  name: 'Name',
  description: 'Description',
  prompt: 'System prompt',
  modelId: 'Model',
  tags: 'Tags',
  uses: 'Capabilities',
  tools: 'Tools of the client',
}

export const emptyDraft: AgentDraft = {
  name: '',
  description: '',
  prompt: '',
  modelId: null,
  tags: [],
  uses: [],
  tools: '',
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
  }
}

export const isSameField = (one: AgentDraft, other: AgentDraft, field: Field) =>
  textOf(one, field) === textOf(other, field)

/** A field as a person compares it. */
export function textOf(draft: AgentDraft, field: Field): string {
  const value = draft[field]
  if (field === 'tags') return draft.tags.join('\n')
  return typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value, null, 2)
}

/** What the API is sent. What is empty is left out. Throws where the tools are no JSON. */
export function agentBody(draft: AgentDraft): NewAgent {
  const { name, description, prompt, modelId, tags, uses, tools } = draft
  const problem = jsonProblem(tools)
  if (problem) throw new Error(`The tools of the client are no JSON: ${problem}`)
  return {
    name,
    system_prompt: prompt,
    tags,
    capabilities: uses,
    ...(description !== '' && { description }),
    ...(modelId && { default_model_id: modelId }),
    ...(tools.trim() !== '' && { tools: JSON.parse(tools) as ClientTool[] }),
  }
}

/** In the place of a secret, which the server tells nobody. */
const mask = '********'

/** Capabilities without the secrets that only the stored agent has. */
export const withoutMasked = (uses: readonly CapabilityUse[]): CapabilityUse[] =>
  uses.map((use) => {
    const known = Object.entries(use.config ?? {}).filter(([, value]) => value !== mask)
    return use.config ? { ...use, config: Object.fromEntries(known) } : use
  })

/** Why the tools are no JSON, if they are not. */
export function jsonProblem(text: string): string | undefined {
  if (text.trim() === '') return undefined
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** What a preview is sent: a name may be missing, and secrets are. */
export function previewBodyOf(draft: AgentDraft): PreviewAgent {
  const { name, ...rest } = agentBody(draft)
  return { ...rest, capabilities: withoutMasked(draft.uses), ...(name !== '' && { name }) }
}

/** Fields of both sides: of each the one that was chosen, else of who changed it. */
export const chosenOf = (
  mine: AgentDraft,
  theirs: AgentDraft,
  isMine: (field: Field) => boolean,
): AgentDraft =>
  Object.fromEntries(
    fields.map((field) => [field, (isMine(field) ? mine : theirs)[field]]),
  ) as AgentDraft

/** The name of a file that holds an agent. */
export function fileNameOf(name: string, ending: string): string {
  const words = name.toLowerCase().match(/[a-z0-9]+/g) ?? ['agent']
  return `${words.join('-')}.${ending}`
}
