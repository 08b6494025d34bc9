import { wellFormedJson } from '../../json.ts'
import type { ListedTool, ToolList } from '../../store/models/mcp-tools.ts'
import type { McpConnection } from './connection.ts'
import { McpFailure, quoted } from './failure.ts'
import { readableSchema } from './schema.ts'

const pagesMax = 50
const toolsMax = 128
const nameMax = 128
/** Longer texts make some vendors refuse the whole request. */
const descriptionMax = 1_024
const schemaLengthMax = 32_768
const listLengthMax = 262_144
const warningsMax = 20

/**
 * Reads all tools of a server and prepares them for models. Leaves out unusable ones with a
 * warning.
 * Contract: throws errors of the connection, and McpFailure for an endless list.
 */
export async function readToolList(
  { listTools }: Pick<McpConnection, 'listTools'>,
  signal: AbortSignal,
): Promise<ToolList> {
  const list = newList()
  const seen = new Set<string>()
  let cursor: string | undefined
  for (let page = 1; page <= pagesMax; page++) {
    const { tools, next } = await listTools(cursor, signal)
    for (const tool of tools) list.add(tool)
    if (next === undefined || list.isFull()) return list.done()
    if (seen.has(next)) throw new McpFailure('returned a circular list of tools.')
    seen.add(next)
    cursor = next
  }
  throw new McpFailure(`has more than ${pagesMax} pages of tools.`)
}

function newList() {
  const tools = new Map<string, ListedTool>()
  const warnings: string[] = []
  let length = 0
  let isFull = false
  const warn = (text: string) => {
    if (warnings.length < warningsMax && !warnings.includes(text)) warnings.push(text)
  }

  return {
    isFull: () => isFull,
    add(given: unknown) {
      if (tools.size === toolsMax) {
        isFull = true
        warn(`Only the first ${toolsMax} tools are used.`)
        return
      }
      const read = readTool(given)
      if ('problem' in read) return warn(read.problem)
      const { tool } = read
      const added = JSON.stringify(tool).length
      if (tools.has(tool.name))
        return warn(`The tool ${tool.name} is listed twice: the first one is used.`)
      if (length + added > listLengthMax) {
        return warn(`The tool ${tool.name} is left out: the total size of tools is too large.`)
      }
      length += added
      tools.set(tool.name, tool)
    },
    done: (): ToolList => ({ tools: [...tools.values()], warnings }),
  }
}

type Read = { tool: ListedTool } | { problem: string }

function readTool(given: unknown): Read {
  const { name, description, title, inputSchema, annotations, execution } = (given ?? {}) as Record<
    string,
    unknown
  >
  if (typeof name !== 'string' || name === '')
    return { problem: 'A tool without a name is left out.' }
  if (name.length > nameMax || /\p{Cc}/u.test(name)) {
    return {
      problem: `The tool ${quoted(name.slice(0, 40))}… is left out: its name is too long or has control characters.`,
    }
  }
  const left = (why: string) => ({
    problem: `The tool ${name.toWellFormed()} is left out: ${why}.`,
  })
  const { taskSupport } = (execution ?? {}) as Record<string, unknown>
  if (taskSupport === 'required') return left('it requires task execution')
  const read = readableSchema(inputSchema ?? {})
  if ('problem' in read) return left(`its schema ${read.problem}`)
  const schema = JSON.stringify(read.schema)
  if (schema.length > schemaLengthMax) return left('its schema is too long')
  return {
    tool: {
      name: name.toWellFormed(),
      description: describe(description, title),
      parameters: JSON.parse(wellFormedJson(schema)),
      replay: isRepeatable(annotations) ? 'safe' : 'unsafe',
    },
  }
}

function describe(description: unknown, title: unknown): string {
  const text = [description, title].find((one) => typeof one === 'string' && one.trim() !== '')
  const whole =
    typeof text === 'string' ? text.trim().toWellFormed() : 'A tool without a description.'
  return whole.length <= descriptionMax
    ? whole
    : `${whole.slice(0, descriptionMax - 1).toWellFormed()}…`
}

/** Whether a call with an unknown outcome may run again. Without a hint the answer is no. */
function isRepeatable(annotations: unknown): boolean {
  const { readOnlyHint, idempotentHint } = (annotations ?? {}) as Record<string, unknown>
  return readOnlyHint === true || idempotentHint === true
}
