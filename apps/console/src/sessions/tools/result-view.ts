import type { ToolCallItem } from '@outlast/sdk'
import { parsed } from './json-text.ts'

type Cell = string | number | boolean | null

/** How the outcome of a call is shown, if its data has a known shape. */
export type ResultView =
  | { kind: 'terminal'; command: string; output: string; errors: string; exitCode: number }
  | { kind: 'file'; path: string; text: string; isWritten: boolean }
  | { kind: 'table'; columns: readonly string[]; rows: readonly (readonly Cell[])[] }
  | { kind: 'page'; url: string; title: string; text: string }

type Call = Pick<ToolCallItem, 'name' | 'arguments' | 'result'>

const isText = (value: unknown): value is string => typeof value === 'string'

/** Returns the view of a call by the shape of its data, not by the name of its tool alone. */
export function viewOf({ name, arguments: given, result }: Call): ResultView | undefined {
  const [part, ...others] = result ?? []
  if (part?.type !== 'text' || others.some(({ type }) => type === 'text')) return undefined
  const value = parsed(part.text)
  if (Array.isArray(value)) return tableOf(value)
  if (typeof value !== 'object' || value === null) return undefined
  const fields = value as Record<string, unknown>
  return (
    terminalOf(given, fields) ?? fileOf(name, given, fields) ?? pageOf(fields) ?? listIn(fields)
  )
}

function terminalOf(
  { command }: Call['arguments'],
  { stdout, stderr, exit_code: exitCode }: Record<string, unknown>,
): ResultView | undefined {
  if (!isText(command) || typeof exitCode !== 'number') return undefined
  const [output, errors] = [isText(stdout) ? stdout : '', isText(stderr) ? stderr : '']
  return { kind: 'terminal', command, output, errors, exitCode }
}

function fileOf(
  name: string,
  given: Call['arguments'],
  { path, content, encoding }: Record<string, unknown>,
): ResultView | undefined {
  if (!isText(path)) return undefined
  if (isText(content) && encoding !== 'base64') {
    return { kind: 'file', path, text: content, isWritten: false }
  }
  if (name !== 'write_file' || !isText(given.content)) return undefined
  return { kind: 'file', path, text: given.content, isWritten: true }
}

function pageOf({ url, title, content }: Record<string, unknown>): ResultView | undefined {
  if (!isText(url) || !isText(content) || !/^https?:/i.test(url)) return undefined
  return { kind: 'page', url, title: isText(title) && title !== '' ? title : url, text: content }
}

/** The only list of a result, such as the entries of a folder. */
function listIn(fields: Record<string, unknown>): ResultView | undefined {
  const lists = Object.values(fields).filter(Array.isArray)
  return lists.length === 1 ? tableOf(lists[0]!) : undefined
}

const columnsMax = 12
const isCell = (value: unknown): value is Cell => value === null || typeof value !== 'object'

/** A table of objects whose fields are plain values. */
function tableOf(list: readonly unknown[]): ResultView | undefined {
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
