/** Checks of parameters that both APIs of OpenAI have. */
import { type ClientTool, type Controls, integerMax, type NewMessage } from '@outlast/contract'
import type { ResponseRequest } from '@outlast/contract/folds/openai'
import { isJsonObject } from '../../../json.ts'
import { invalidParam } from './errors.ts'

export type JsonParams = Record<string, unknown>

const isNeutral = (value: unknown) =>
  value === null || value === false || value === 0 || (Array.isArray(value) && value.length === 0)

/**
 * Refuses parameters that change the meaning of the answer and are not supported.
 * Contract: throws 400 with `param`.
 */
export function refuseParams(body: JsonParams, names: readonly string[]): void {
  for (const name of names) {
    const value = body[name]
    if (value === undefined || isNeutral(value)) continue
    if (isJsonObject(value) && Object.keys(value).length === 0) continue
    throw invalidParam(name, 'is not supported')
  }
}

/** Contract: throws 400 unless the parameter is absent, null, or one of the values. */
export function allowOnly(body: JsonParams, name: string, values: readonly unknown[]): void {
  const value = body[name]
  if (value === undefined || value === null || values.includes(value)) return
  throw invalidParam(name, `must be ${values.map((one) => JSON.stringify(one)).join(' or ')}`)
}

export function flagParam(body: JsonParams, name: string): boolean {
  allowOnly(body, name, [true, false])
  return body[name] === true
}

export function textParam(body: JsonParams, name: string): string | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value
  throw invalidParam(name, 'must be a text')
}

/** A limit of tokens; undefined for 0. Contract: throws 400 unless it is a whole number. */
export function limitParam(body: JsonParams, name: string): number | undefined {
  const value = body[name]
  if (value === undefined || isNeutral(value)) return undefined
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) {
    return Math.min(value, integerMax)
  }
  throw invalidParam(name, 'must be a whole number')
}

const agentId = /^agent_[0-9a-f]{32}$/
const namePrefix = 'agent:'

/** The agent that a model names: `agent:<name>`, or the id of an agent. */
export function agentOf(model: string): { agent_id: string } | { agent_name: string } {
  if (agentId.test(model)) return { agent_id: model }
  const name = model.startsWith(namePrefix) ? model.slice(namePrefix.length) : ''
  if (name === '' || name.length > 255) {
    throw invalidParam('model', 'must be agent:<name>, or the id of an agent')
  }
  return { agent_name: name }
}

export const modelOf = ({ name }: { name: string }) => namePrefix + name

const pairsMax = 16
const nameMax = 64
const valueMax = 512

export function metadataOf(body: JsonParams): Record<string, string> | undefined {
  const { metadata } = body
  if (metadata === undefined || metadata === null) return undefined
  const fits =
    isJsonObject(metadata) &&
    Object.keys(metadata).length <= pairsMax &&
    Object.entries(metadata).every(
      ([name, value]) =>
        name.length <= nameMax && typeof value === 'string' && value.length <= valueMax,
    )
  if (fits) return metadata as Record<string, string>
  throw invalidParam(
    'metadata',
    `must have at most ${pairsMax} texts: names of at most ${nameMax} characters, values of at most ${valueMax}`,
  )
}

type FunctionTool = { name: unknown; description?: unknown; parameters?: unknown }

/** A function of the client, as a client tool. */
export function clientTool(tool: FunctionTool, param: string): ClientTool {
  const { name, description, parameters } = tool
  if (typeof name !== 'string') throw invalidParam(`${param}.name`, 'must be a text')
  return {
    type: 'client_side',
    name,
    description: typeof description === 'string' && description !== '' ? description : name,
    ...(isJsonObject(parameters) && { parameters }),
  }
}

export const functionTool = ({ name, description, parameters }: ClientTool) => ({
  type: 'function',
  name,
  description: description ?? null,
  parameters: parameters ?? null,
  strict: null,
})

/** `schema`: of the answer. `about`: the rest of the format, to show it again. */
export type AnswerFormat = { schema: object; about: JsonParams }

/** Reads a format of either API; undefined for text. */
export function formatOf(format: unknown, param: string): AnswerFormat | undefined {
  if (format === undefined || format === null) return undefined
  if (!isJsonObject(format)) throw invalidParam(param, 'must be an object')
  if (format.type === 'text') return undefined
  if (format.type !== 'json_schema') {
    throw invalidParam(`${param}.type`, 'must be text or json_schema')
  }
  const inner = isJsonObject(format.json_schema) ? format.json_schema : format
  if (!isJsonObject(inner.schema)) throw invalidParam(`${param}.schema`, 'must be a JSON Schema')
  const { schema, name, strict } = inner
  return { schema, about: { name, strict: strict ?? null } }
}

/** Settings of a message for its turn. */
export type TurnSettings = Pick<NewMessage, 'instructions' | 'tools'> & { controls?: Controls }

type Given = {
  instructions: string
  tools: ClientTool[]
  format: AnswerFormat | undefined
  effort: string | undefined
  limit: number | undefined
}

export function turnSettingsFrom({
  instructions,
  tools,
  format,
  effort,
  limit,
}: Given): TurnSettings {
  const controls: Controls = {
    ...(format && { output_schema: format.schema as Controls['output_schema'] }),
    ...(effort !== undefined && { reasoning: { effort } }),
    ...(limit !== undefined && { max_output_tokens: limit }),
  }
  return {
    ...(instructions !== '' && { instructions }),
    ...(tools.length > 0 && { tools }),
    ...(Object.keys(controls).length > 0 && { controls }),
  }
}

/** The facts of a request that its message keeps, to show the response again. */
export type StoredRequest = Omit<
  ResponseRequest,
  'tools' | 'instructions' | 'text' | 'max_output_tokens'
> & {
  format?: JsonParams
  /** Hash of the request, to find its response when the client repeats it. */
  hash?: string
}

/** Reads the facts that a message keeps: any client of the session may have written it. */
export function storedRequest(stored: unknown): StoredRequest | undefined {
  if (!isJsonObject(stored) || typeof stored.model !== 'string') return undefined
  const { model, previous_response_id: previous, conversation, metadata, format } = stored
  const effort = isJsonObject(stored.reasoning) ? stored.reasoning.effort : undefined
  return {
    model,
    ...(typeof previous === 'string' && { previous_response_id: previous }),
    ...(typeof conversation === 'string' && { conversation }),
    ...(stored.background === true && { background: true }),
    ...(stored.store === false && { store: false }),
    ...(isJsonObject(metadata) && { metadata: metadata as Record<string, string> }),
    ...(isJsonObject(format) && { format }),
    ...(typeof effort === 'string' && { reasoning: { effort } }),
    ...(typeof stored.hash === 'string' && { hash: stored.hash }),
  }
}
