import type { ToolCallItem } from '@outlast/sdk'
import { isPatch } from './changes.ts'
import { parsed } from './json-text.ts'
import { type LeftOut, type Truncated, truncatedOf } from './truncated.ts'

export type Cell = string | number | boolean | null
type Fields = Record<string, unknown>

type Shape =
  | { kind: 'terminal'; command: string; output: string; errors: string; exitCode: number }
  | { kind: 'file'; path: string; text: string; isWritten: boolean }
  | { kind: 'table'; columns: readonly string[]; rows: readonly (readonly Cell[])[] }
  | { kind: 'page'; url: string; title: string; text: string }
  | { kind: 'patch'; text: string }
  | { kind: 'text'; text: string }

/** How the outcome of a call is shown, if its data has a known shape. */
export type ResultView = Shape & {
  /** Short fields that the shape does not show. */
  facts: readonly (readonly [name: string, value: Cell])[]
  /** Other fields that the shape does not show. */
  others: Fields
  /** The part of a truncated text that the server left out. */
  leftOut: LeftOut | undefined
}

type Call = Pick<ToolCallItem, 'name' | 'arguments' | 'result'>
/** A shape, and the fields that it shows. */
type FoundShape = { shape: Shape; shown: readonly string[] }

const isText = (value: unknown): value is string => typeof value === 'string'

/**
 * Returns the view of the first part of a result by the shape of its data, not by the name of its
 * tool alone. Contract: pure. Every field of the data is in the view. Undefined if the data cannot
 * be read.
 */
export function viewOf(call: Call): ResultView | undefined {
  try {
    return readView(call)
  } catch {
    return undefined
  }
}

function readView({ name, arguments: given, result }: Call): ResultView | undefined {
  const part = result?.[0]
  if (part?.type !== 'text') return undefined
  if (isPatch(part.text)) return whole({ kind: 'patch', text: part.text })
  const value = parsed(part.text)
  if (Array.isArray(value)) {
    const shape = tableOf(value)
    return shape && whole(shape)
  }
  if (typeof value !== 'object' || value === null) return undefined
  const text = onlyText(value as Fields)
  if (text !== undefined) {
    const inner = { name, arguments: given, result: [{ type: 'text' as const, text }] }
    return viewOf(inner) ?? whole({ kind: 'text', text })
  }
  const truncated = truncatedOf(value as Fields)
  const fields = truncated?.fields ?? (value as Fields)
  const found =
    terminalOf(given, fields) ??
    fileOf(name, given, fields) ??
    pageOf(fields) ??
    patchIn(fields) ??
    (truncated ? cutTextOf(truncated) : listIn(fields))
  return found && { ...found.shape, ...restOf(fields, found.shown), leftOut: truncated?.leftOut }
}

/** The text of a result that has nothing else, such as that of most MCP tools. */
function onlyText(fields: Fields): string | undefined {
  const { result, ...others } = fields
  return isText(result) && Object.keys(others).length === 0 ? result : undefined
}

const whole = (shape: Shape): ResultView => ({ ...shape, ...restOf({}, []), leftOut: undefined })

const factLengthMax = 300

/** Fields without a value are left out. */
function restOf(fields: Fields, shown: readonly string[]): Pick<ResultView, 'facts' | 'others'> {
  const rest = Object.entries(fields).filter(
    ([name, value]) => !shown.includes(name) && value !== null && value !== '',
  )
  const isFact = (entry: [string, unknown]): entry is [string, Cell] =>
    isCell(entry[1]) && String(entry[1]).length <= factLengthMax
  return {
    facts: rest.filter(isFact),
    others: Object.fromEntries(rest.filter((entry) => !isFact(entry))),
  }
}

function terminalOf({ command }: Call['arguments'], fields: Fields): FoundShape | undefined {
  const { stdout, stderr, exit_code: exitCode } = fields
  if (!isText(command) || typeof exitCode !== 'number') return undefined
  const [output, errors] = [isText(stdout) ? stdout : '', isText(stderr) ? stderr : '']
  return {
    shape: { kind: 'terminal', command, output, errors, exitCode },
    shown: ['exit_code', 'success', 'stdout', 'stderr'],
  }
}

function fileOf(name: string, given: Call['arguments'], fields: Fields): FoundShape | undefined {
  const { path, content, encoding } = fields
  if (!isText(path)) return undefined
  if (isText(content) && encoding !== 'base64') {
    return {
      shape: { kind: 'file', path, text: content, isWritten: false },
      shown: ['path', 'content', 'encoding'],
    }
  }
  if (name !== 'write_file' || !isText(given.content) || given.encoding === 'base64') {
    return undefined
  }
  return { shape: { kind: 'file', path, text: given.content, isWritten: true }, shown: ['path'] }
}

function pageOf({ url, title, content }: Fields): FoundShape | undefined {
  if (!isText(url) || !isText(content) || !/^https?:/i.test(url)) return undefined
  const name = isText(title) && title !== '' ? title : url
  return {
    shape: { kind: 'page', url, title: name, text: content },
    shown: ['url', 'title', 'content'],
  }
}

/** The only change of files in a result, in the format of `diff -u`. */
function patchIn(fields: Fields): FoundShape | undefined {
  const patches = Object.entries(fields).filter(([, value]) => isText(value) && isPatch(value))
  const [name, text] = patches[0] ?? []
  if (patches.length !== 1 || name === undefined) return undefined
  return { shape: { kind: 'patch', text: text as string }, shown: [name] }
}

const cutTextOf = ({ fields, cutField }: Truncated): FoundShape => ({
  shape: { kind: 'text', text: String(fields[cutField]) },
  shown: [cutField],
})

/** The only list of a result, such as the entries of a folder. */
function listIn(fields: Fields): FoundShape | undefined {
  const lists = Object.entries(fields).filter(([, value]) => Array.isArray(value))
  const [name, list] = lists[0] ?? []
  const shape = lists.length === 1 ? tableOf(list as unknown[]) : undefined
  return shape && { shape, shown: [name!] }
}

const columnsMax = 12
const isCell = (value: unknown): value is Cell => value === null || typeof value !== 'object'

/** A table of objects whose fields are plain values. */
function tableOf(list: readonly unknown[]): Shape | undefined {
  if (list.length === 0) return undefined
  const columns = new Set<string>()
  for (const one of list) {
    if (typeof one !== 'object' || one === null || Array.isArray(one)) return undefined
    if (!Object.values(one).every(isCell)) return undefined
    for (const name of Object.keys(one)) columns.add(name)
  }
  if (columns.size === 0 || columns.size > columnsMax) return undefined
  const names = [...columns]
  const rows = list.map((one) => names.map((name) => (one as Record<string, Cell>)[name] ?? null))
  return { kind: 'table', columns: names, rows }
}
