import { randomBytes } from 'node:crypto'
import { ApiError } from '../../../../errors.ts'
import { isJsonObject } from '../../../../json.ts'
import { broken, type LineAndColumn, linesIn, placeIn } from './broken.ts'
import { readYaml, type YamlFile } from './yaml.ts'

type Values = Record<string, unknown>

/** A key of a file that has no effect. Without a line in JSON. */
type IgnoredKey = { key: string; line?: number }

type AgentFileContent = {
  /** Fields of a new agent. */
  values: Values
  ignored: readonly IgnoredKey[]
}

export const agentFileKeys = [
  'id',
  'name',
  'display_name',
  'description',
  'default_model_id',
  'tags',
  'capabilities',
  'tools',
  'output_schema',
  'initial_files',
  'max_iterations',
  'parallel_tool_calls',
  'network_access',
  'system_prompt',
]
const keysMax = 100

/**
 * Reads an agent out of a file: Markdown with front matter, JSON, YAML, or else text that is its
 * prompt.
 * Contract: returns the fields of a new agent without checking their values, with the given name if
 * the file has none; throws 400 with the place for a broken file of one of the first three formats.
 */
export function readAgentFile(file: string, name = defaultName(new Date())): AgentFileContent {
  const { values, ignored } = readFields(file)
  return { values: { name, ...values }, ignored }
}

function readFields(file: string): AgentFileContent {
  const begin = file.lastIndexOf('\n', file.search(/\S/)) + 1
  const text = file.slice(begin)
  const firstLine = linesIn(file.slice(0, begin)) + 1
  return (
    fromFrontMatter(text, firstLine) ??
    fromJson(text, firstLine) ??
    fromYaml(text, firstLine) ??
    agentInFile({}, fileText(text))
  )
}

/** Trims a text and normalizes its line breaks. */
export const fileText = (text: string) => text.replaceAll('\r\n', '\n').trim()

function fromFrontMatter(text: string, firstLine: number): AgentFileContent | undefined {
  const opening = /^---[ \t]*\r?\n/.exec(text)?.[0]
  if (!opening) return undefined
  const rest = text.slice(opening.length - 1)
  const end = /\n---[ \t]*(?:\r?\n|$)/.exec(rest)
  if (!end) {
    throw broken('the front matter that begins here has no end: a line ---.', {
      line: firstLine,
      column: 1,
    })
  }
  const { value, placeOf } = readMapping(rest.slice(1, end.index + 1), firstLine + 1)
  return agentInFile(value, fileText(rest.slice(end.index + end[0].length)), placeOf)
}

/** Front matter. As JSON, which is YAML too, it may be of any size. */
function readMapping(text: string, firstLine: number) {
  const { value, placeOf } = readFlow(text) ?? readYaml(text, firstLine)
  if (value === null) return { value: {}, placeOf }
  if (isJsonObject(value)) return { value, placeOf }
  throw broken('the front matter is not a list of keys and values.', { line: firstLine, column: 1 })
}

function readFlow(text: string): YamlFile | undefined {
  if (!/^\s*\{/.test(text)) return undefined
  try {
    return { value: JSON.parse(text), placeOf: () => undefined }
  } catch {
    return undefined
  }
}

function fromJson(text: string, firstLine: number): AgentFileContent | undefined {
  if (!/^\s*\{\s*["}]/.test(text)) return undefined
  try {
    return agentInFile(JSON.parse(text), '')
  } catch (error) {
    if (error instanceof ApiError) throw error
    throw broken('the JSON is not valid.', placeOfJsonError(error as Error, text, firstLine))
  }
}

function placeOfJsonError({ message }: Error, text: string, firstLine: number): LineAndColumn {
  const end = text.trimEnd().length
  const found = / at position (\d+)/.exec(message)
  return placeIn(text, found ? Math.min(Number(found[1]), end) : end, firstLine)
}

/** Text that begins with a key is parsed as YAML; without a name and a prompt it is a prompt. */
function fromYaml(text: string, firstLine: number): AgentFileContent | undefined {
  const comments = /^(?:[^\S\n]*(?:#[^\n]*)?\n)*/.exec(text)![0]
  const first = /^[ \t]*(?:\{[ \t]*)?(["']?)([\w-]+)\1[ \t]*:(?:\s|$)/.exec(
    text.slice(comments.length),
  )
  if (!first) return undefined
  const isMeant = agentFileKeys.includes(first[2]!) || /\n(?:name|system_prompt):/.test(text)
  try {
    const { value, placeOf } = readYaml(text, firstLine)
    const isAgent = isJsonObject(value) && ('name' in value || 'system_prompt' in value)
    return isAgent || (isMeant && isJsonObject(value)) ? agentInFile(value, '', placeOf) : undefined
  } catch (error) {
    if (isMeant) throw error
    return undefined
  }
}

function agentInFile(
  values: Values,
  body: string,
  placeOf?: YamlFile['placeOf'],
): AgentFileContent {
  refuseMisspelt(values, placeOf)
  const given = agentFileKeys.filter((key) => Object.hasOwn(values, key) && values[key] !== null)
  const agent = Object.fromEntries(given.map((key) => [key, values[key]]))
  if (agent.name === undefined) useDisplayName(agent)
  if (body !== '') agent.system_prompt = body
  if (agent.system_prompt === undefined || agent.system_prompt === '') {
    const message = 'is required'
    throw new ApiError('system_prompt_required', undefined, [{ path: 'system_prompt', message }])
  }
  if (Array.isArray(agent.capabilities)) {
    agent.capabilities = agent.capabilities.map((use) =>
      typeof use === 'string' ? { ref: use } : use,
    )
  }
  return { values: agent, ignored: ignoredKeys(values, placeOf) }
}

const ignoredKeys = (values: Values, placeOf?: YamlFile['placeOf']): IgnoredKey[] =>
  Object.keys(values)
    .filter((key) => !agentFileKeys.includes(key))
    .slice(0, keysMax)
    .map((key) => {
      const line = placeOf?.(key)?.line
      return line === undefined ? { key } : { key, line }
    })

/** Ignores keys of other programs, and refuses misspelled keys of agents. */
function refuseMisspelt(values: Values, placeOf?: YamlFile['placeOf']) {
  for (const key of Object.keys(values).slice(0, keysMax)) {
    const isKnown = agentFileKeys.includes(key)
    const meant = isKnown ? undefined : agentFileKeys.find((one) => plain(one) === plain(key))
    if (!meant) continue
    const message = `${key} is not a key of an agent: it is called ${meant}.`
    const place = placeOf?.(key)
    if (place) throw broken(message, place)
    throw new ApiError('invalid_agent_file', message, [{ path: key, message }])
  }
}

const plain = (key: string) =>
  key
    .toLowerCase()
    .replace(/[\s_-]/g, '')
    .replace(/s$/, '')

/** Without a name, the name to show is the name. */
function useDisplayName(agent: Values) {
  const { display_name: name } = agent
  delete agent.display_name
  if (typeof name === 'string' && name !== '') agent.name = name
}

/** `agent-20260131-235959-3f9a01bc`, in UTC. A slug names one agent, so the end is random. */
function defaultName(now: Date): string {
  const [date, time] = now.toISOString().split(/[T.]/) as [string, string]
  const end = randomBytes(4).toString('hex')
  return `agent-${date.replaceAll('-', '')}-${time.replaceAll(':', '')}-${end}`
}
