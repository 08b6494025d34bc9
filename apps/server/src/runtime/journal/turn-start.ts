import type { EventDataOf } from '@outlast/contract'
import type { RuntimeAgent } from '../../capabilities/catalog/catalog.ts'
import type { OutputSchema } from '../../capabilities/schemas/output-schema.ts'
import type { Db } from '../../store/database.ts'
import { textsOf } from '../../store/log/texts.ts'
import { type HashedText, textHash } from '../../store/stored-texts.ts'
import type { TurnFacts } from './attempt.ts'

type AgentFacts = Pick<TurnFacts, 'agent' | 'prompt' | 'tools' | 'output' | 'removed'>

const none: ReadonlySet<string> = new Set()

/**
 * The agent of a turn: with the prompt and the output schema of its start, and with those tools of
 * its start that still exist, as they are now. Without `started` the turn begins now.
 */
export async function agentOfTurn(
  db: Db,
  orgId: string,
  { agent, schema, started }: Current & { started: EventDataOf<'turn.started'> | undefined },
): Promise<AgentFacts> {
  const now = { agent, ...summaryOf(agent), output: outputFactsOf(schema), removed: none }
  const { prompt_hash = now.prompt.hash, tools_hash = now.tools.hash } = started ?? {}
  const output_hash = started ? started.output_schema_hash : now.output?.hash
  const changed = [
    ...(prompt_hash === now.prompt.hash ? [] : [prompt_hash]),
    ...(tools_hash === now.tools.hash ? [] : [tools_hash]),
    ...(output_hash === undefined || output_hash === now.output?.hash ? [] : [output_hash]),
  ]
  if (changed.length === 0)
    return { ...now, output: output_hash === undefined ? undefined : now.output }
  const texts = await textsOf(db, orgId, changed)
  const prompt = texts.get(prompt_hash) ?? agent.prompt
  const names = namesIn(texts.get(tools_hash))
  const tools = names ? new Map([...agent.tools].filter(([name]) => names.has(name))) : agent.tools
  const removed = new Set([...(names ?? none)].filter((name) => !tools.has(name)))
  const fixed = { ...agent, prompt, tools }
  const output =
    output_hash === undefined ? undefined : (outputFactsIn(texts.get(output_hash)) ?? now.output)
  return { agent: fixed, ...summaryOf(fixed), output, removed }
}

type Current = { agent: RuntimeAgent; schema: OutputSchema | undefined }

const outputFactsOf = (schema: OutputSchema | undefined): AgentFacts['output'] =>
  schema && { ...textWithHash(JSON.stringify(schema)), schema }

const outputFactsIn = (text: string | undefined): AgentFacts['output'] =>
  text === undefined ? undefined : outputFactsOf(JSON.parse(text))

type ToolSummary = { name: string; description: string }

/** The prompt of an agent, and the names and descriptions of its tools, as the log stores them. */
function summaryOf(agent: RuntimeAgent): { prompt: HashedText; tools: HashedText } {
  const tools = [...agent.tools.values()].map(
    ({ name, description }): ToolSummary => ({ name, description }),
  )
  return { prompt: textWithHash(agent.prompt), tools: textWithHash(JSON.stringify(tools)) }
}

const textWithHash = (body: string): HashedText => ({ hash: textHash(body), body })

const namesIn = (tools: string | undefined) =>
  tools === undefined
    ? undefined
    : new Set((JSON.parse(tools) as ToolSummary[]).map(({ name }) => name))
