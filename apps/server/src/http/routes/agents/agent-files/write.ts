import type { Agent, CapabilityUse } from '@outlast/contract'
import { fileText } from './read.ts'
import { escapedIn, isPlainText, writeYaml } from './yaml.ts'

export const formats = {
  markdown: { type: 'text/markdown', ending: 'md', write: writeMarkdown },
  yaml: { type: 'application/yaml', ending: 'yaml', write: writeMapping },
  json: { type: 'application/json', ending: 'json', write: writeJson },
}

type Fields = Omit<Partial<Agent>, 'capabilities'> & { capabilities?: (string | CapabilityUse)[] }

/** More values than this are written as JSON, which is YAML too and is read much faster. */
const valuesMax = 1_500

/** An agent without id, times and usage. Contract: an import of these creates an equal agent. */
function fieldsOf(agent: Agent): Fields {
  const { name, display_name, description, default_model_id, tags, capabilities } = agent
  const { tools = [], output_schema, initial_files: files = [] } = agent
  const { max_iterations, parallel_tool_calls, network_access } = agent
  return {
    name,
    ...(display_name !== undefined && { display_name }),
    ...(description !== undefined && { description }),
    ...(default_model_id !== undefined && { default_model_id }),
    ...(tags.length > 0 && { tags }),
    ...(capabilities.length > 0 && { capabilities: capabilities.map(refOrUse) }),
    ...(tools.length > 0 && { tools }),
    ...(output_schema && { output_schema }),
    ...(files.length > 0 && { initial_files: files }),
    ...(max_iterations !== undefined && { max_iterations }),
    ...(parallel_tool_calls !== undefined && { parallel_tool_calls }),
    ...(network_access !== undefined && { network_access }),
  }
}

const refOrUse = (use: CapabilityUse) => (Object.keys(use).length === 1 ? use.ref : use)

/** The prompt is the body, unless it would change in it or has characters unfit for a text file. */
function writeMarkdown(agent: Agent): string {
  const { system_prompt } = agent
  const fields = fieldsOf(agent)
  if (fileText(system_prompt) !== system_prompt || !isPlainText(system_prompt)) {
    return `---\n${writeFields({ ...fields, system_prompt })}---\n`
  }
  return `---\n${writeFields(fields)}---\n\n${system_prompt}\n`
}

function writeMapping(agent: Agent): string {
  return writeFields({ ...fieldsOf(agent), system_prompt: agent.system_prompt })
}

function writeJson(agent: Agent): string {
  return toJson({ ...fieldsOf(agent), system_prompt: agent.system_prompt })
}

const toJson = (fields: Fields) => `${escapedIn(JSON.stringify(fields, null, 2))}\n`

function writeFields(fields: Fields): string {
  return countValues(fields, valuesMax) > valuesMax ? toJson(fields) : writeYaml(fields)
}

/** Counts a value and the values inside it, up to `most`. */
function countValues(value: unknown, most: number): number {
  if (typeof value !== 'object' || value === null) return 1
  let count = 1
  for (const part of Object.values(value)) {
    count += countValues(part, most)
    if (count > most) break
  }
  return count
}

const fileNameMax = 80

/** The header that names a downloaded file after the agent: in ASCII and in UTF-8. */
export function dispositionOf(name: string, ending: string): string {
  const exact = slugOf(name) || 'agent'
  const ascii = slugOf(exact.normalize('NFKD').replace(/[^\x20-\x7e]/g, '')) || 'agent'
  const plain = `attachment; filename="${ascii}.${ending}"`
  return exact === ascii
    ? plain
    : `${plain}; filename*=UTF-8''${encodeURIComponent(exact)}.${ending}`
}

/** Letters and digits, with one dash for each run of other characters. */
function slugOf(name: string): string {
  const words = name.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  return [...words.join('-')].slice(0, fileNameMax).join('').replace(/-$/, '')
}
