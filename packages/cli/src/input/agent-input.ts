import type { Agent, NewAgent } from '@outlast/sdk'
import type { Context, Given } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import type { Flags } from '../core/flags.ts'
import { capabilityFlag, listIfGiven, usesOf } from './capability-flags.ts'

/** Flags for the fields of an agent. */
export const agentFlags = {
  name: { type: 'string', value: 'NAME', about: 'name of the agent' },
  'display-name': { type: 'string', value: 'NAME', about: 'name to show instead' },
  'system-prompt': { type: 'string', value: 'TEXT', about: 'system prompt' },
  description: { type: 'string', value: 'TEXT', about: 'description' },
  model: { type: 'string', short: 'm', value: 'MODEL', about: 'default model (id or name)' },
  tag: { type: 'string', short: 't', multiple: true, value: 'TAG', about: 'tag' },
  ...capabilityFlag,
  'max-iterations': { type: 'string', value: 'NUMBER', about: 'model calls per turn, at most' },
  'one-tool-call': { type: 'boolean', about: 'at most one tool call per model call' },
  'allow-host': { type: 'string', multiple: true, value: 'HOST', about: 'host for tools to reach' },
  'block-host': { type: 'string', multiple: true, value: 'HOST', about: 'host to refuse' },
} as const satisfies Flags

/** Fields of the flags on the command line. */
export function agentFields(flags: Given<typeof agentFlags>): Partial<NewAgent> {
  const { name, description, model } = flags
  const prompt = flags['system-prompt']
  const tags = listIfGiven(flags.tag)
  const refs = listIfGiven(flags.capability)
  return {
    ...(name !== undefined && { name }),
    ...(prompt !== undefined && { system_prompt: prompt }),
    ...(description !== undefined && { description }),
    ...(model !== undefined && { default_model_id: model }),
    ...(tags && { tags }),
    ...(refs && { capabilities: usesOf(refs) }),
    ...limitFields(flags),
  }
}

function limitFields(flags: Given<typeof agentFlags>): Partial<NewAgent> {
  const iterations = flags['max-iterations']
  const [allowed, blocked] = [listIfGiven(flags['allow-host']), listIfGiven(flags['block-host'])]
  const display = flags['display-name']
  return {
    ...(display !== undefined && { display_name: display }),
    ...(iterations !== undefined && { max_iterations: wholeNumber(iterations) }),
    ...(flags['one-tool-call'] && { parallel_tool_calls: false }),
    ...((allowed || blocked) && {
      network_access: { ...(allowed && { allowed }), ...(blocked && { blocked }) },
    }),
  }
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text)
  throw new UsageError('--max-iterations must be a whole number from 1.')
}

/** Contract: throws a UsageError for an agent without a name or prompt. */
export function preparedAgent({ name, system_prompt, ...rest }: Partial<NewAgent>): NewAgent {
  if (!name || !system_prompt) {
    throw new UsageError('An agent needs --name and --system-prompt, or a file with -f FILE.')
  }
  return { name, system_prompt, ...rest }
}

/**
 * Creates an agent from a file. The fields override the file. JSON is merged here. The server
 * parses other formats: the fields are validated before the import and applied by a second request.
 */
export async function agentOfFile(
  { outlast, signal }: Context,
  file: string,
  fields: Partial<NewAgent>,
): Promise<Agent> {
  if (Object.keys(fields).length === 0) return outlast.agents.import(file, { signal })
  const json = objectOf(file)
  if (json) return outlast.agents.import(JSON.stringify({ ...json, ...fields }), { signal })
  await outlast.agents.preview(fields, { signal })
  const { id } = await outlast.agents.import(file, { signal })
  return outlast.agents.update(id, fields, { signal })
}

function objectOf(file: string): object | undefined {
  try {
    const value = JSON.parse(file)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}
