import type { ModelProfile, ProviderType } from '@outlast/contract'
import { finalAnswer, withAnswerTool } from '../../providers/final-answer.ts'
import { providers } from '../../providers/index.ts'
import type { ModelCallOptions } from '../../providers/provider.ts'
import type { Turn } from '../journal/attempt.ts'

/** The options of a call that must answer by a schema. */
export type OutputOptions = {
  options: ModelCallOptions
  /** Name of the tool whose arguments are the answer, for models without response formats. */
  answerTool?: string
}

/**
 * Adds the output schema of a turn to the options of its model call: as the response format, else
 * as a required tool, else as text for models that have neither.
 */
export function withOutput(
  { output, agent }: Pick<Turn, 'output' | 'agent'>,
  { type, profile }: { type: ProviderType; profile: ModelProfile | undefined },
  options: ModelCallOptions,
): OutputOptions {
  if (!output) return { options }
  const wanted: ModelCallOptions = {
    ...options,
    responseFormat: { type: 'json', schema: output.schema, name: 'answer' },
  }
  const hasTools = agent.tools.size > 0
  const { takesSchema = () => true, schemaTool = '' } = providers[type]
  const isTaken = agent.tools.has(schemaTool)
  if (!isTaken && takesSchema({ profile, hasTools })) return { options: wanted }
  if (profile && !profile.tool_call) return { options: withSchemaText(options, output.body) }
  const answerTool = unusedName(agent.tools)
  return { options: withAnswerTool(wanted, answerTool), answerTool }
}

function unusedName(tools: ReadonlyMap<string, unknown>): string {
  let name = finalAnswer
  while (tools.has(name)) name += '_'
  return name
}

function withSchemaText({ prompt, ...options }: ModelCallOptions, schema: string) {
  const content = `Give the final answer as JSON without any other text. It must match this JSON Schema:\n${schema}`
  const at = prompt.findLastIndex(({ role }) => role === 'system') + 1
  return { ...options, prompt: prompt.toSpliced(at, 0, { role: 'system' as const, content }) }
}
