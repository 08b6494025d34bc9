import type { Event } from '@outlast/sdk'
import { parsed } from './json-text.ts'

/** A replaced text. */
export type TextChange = { before: string; after: string }

/** The changes that a call asks for, and the arguments that they show. */
export type GivenChanges = {
  path: string | undefined
  changes: readonly TextChange[]
  patch: string | undefined
  shown: readonly string[]
}

type Fields = Record<string, unknown>

const isText = (value: unknown): value is string => typeof value === 'string'

const hunkHead = /^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@/m

/** True for a change of files in the format of `diff -u` and git. */
export const isPatch = (text: string) => hunkHead.test(text)

/** Names of tools for editing, such as `old_string` and `newText`. */
const oldName = /^old(?=_?(?:str|string|text|content)$)/i

/** Returns the changes in the arguments of a call that edits a text or applies a patch. */
export function changesIn(given: Fields): GivenChanges | undefined {
  const path = [given.path, given.file_path].find(isText)
  const shown = Object.keys(given).filter((name) => given[name] === path)
  const change = changeIn(given)
  if (change) {
    return { path, changes: [change], patch: undefined, shown: [...shown, ...namesIn(given)] }
  }
  for (const [name, value] of Object.entries(given)) {
    if (isText(value) && isPatch(value)) {
      return { path, changes: [], patch: value, shown: [...shown, name] }
    }
    const changes = Array.isArray(value) ? value.map(changeIn) : []
    if (changes.length > 0 && changes.every((one) => one !== undefined)) {
      return { path, changes, patch: undefined, shown: [...shown, name] }
    }
  }
  return undefined
}

/** Names of the old and the new text. */
function namesIn(given: unknown): string[] {
  if (typeof given !== 'object' || given === null) return []
  const old = Object.keys(given).find((name) => oldName.test(name))
  if (old === undefined) return []
  const now = old.replace(oldName, (start) => (start === 'old' ? 'new' : 'New'))
  return now in given ? [old, now] : []
}

function changeIn(given: unknown): TextChange | undefined {
  const [before, after] = namesIn(given).map((name) => (given as Fields)[name])
  return isText(before) && isText(after) ? { before, after } : undefined
}

/**
 * Returns the content of a file when a call began, if the log has it: an earlier call wrote it, or
 * read all of it, and nothing else has changed the file since.
 */
export function contentBefore(
  events: readonly Event[],
  { id, path }: { id: string; path: string },
): string | undefined {
  const began = events.findLastIndex(
    ({ type, data }) => type === 'tool.started' && data.tool_call.id === id,
  )
  const started = new Map<string, { name: string; arguments: Fields }>()
  let content: string | undefined
  for (const { type, data } of events.slice(0, Math.max(0, began))) {
    if (type === 'tool.started') started.set(data.tool_call.id, data.tool_call)
    if (type === 'files.changed' && data.changes.some((one) => touches(one, path))) {
      content = writtenBy(started.get(data.tool_call_id ?? ''))
    }
    if (type === 'tool.completed' && data.tool_name === 'read_file') {
      content = readBy(data.result, path) ?? content
    }
  }
  return content
}

type PathChange = { path: string; from_path?: string | undefined }

const touches = ({ path: changed, from_path: from }: PathChange, path: string) =>
  [changed, from].some((one) => one === path || path.startsWith(`${one}/`))

function writtenBy(call: { name: string; arguments: Fields } | undefined): string | undefined {
  const { content, encoding = 'text' } = call?.arguments ?? {}
  return call?.name === 'write_file' && encoding === 'text' && isText(content) ? content : undefined
}

/** The content of a file that was read whole. */
function readBy(
  result: Extract<Event, { type: 'tool.completed' }>['data']['result'],
  path: string,
): string | undefined {
  const part = result?.[0]
  const value = part?.type === 'text' ? parsed(part.text) : undefined
  const { path: at, content, encoding, truncated, offset } = (value ?? {}) as Fields
  const isWhole = !truncated && !offset && encoding === 'text'
  return at === path && isWhole && isText(content) ? content : undefined
}
