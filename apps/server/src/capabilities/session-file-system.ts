import type { FileInfo } from '@outlast/contract'
import { Type } from 'typebox'
import { withContent } from '../store/files/files.ts'
import { defineCapability, defineTool, type Tool, ToolError } from './capability.ts'

const config = Type.Object(
  {
    readonly: Type.Optional(
      Type.Boolean({
        title: 'Read-only',
        description: 'Whether to offer only tools that read; by default false.',
      }),
    ),
  },
  { additionalProperties: false },
)

const closed = { additionalProperties: false }
const path = Type.String({ maxLength: 4096, description: 'Absolute path, as in /notes/todo.md.' })

const readFile = defineTool({
  name: 'read_file',
  description:
    'Reads a file. A long file comes in parts: continue at next_offset. Binary files come as base64.',
  replay: 'safe',
  input: Type.Object(
    {
      path,
      offset: Type.Optional(Type.Integer({ minimum: 0, description: 'Characters to skip.' })),
      limit: Type.Optional(
        Type.Integer({ minimum: 1, description: 'Maximum number of characters to read.' }),
      ),
    },
    closed,
  ),
  async run({ path, offset = 0, limit }, { files, outputBytesMax }) {
    const found = await files.read(path)
    const { content, encoding, size_bytes, path: at } = withContent(found.file, found.bytes)
    const text = content ?? ''
    const part = partOf(text, { offset, limit, bytesMax: outputBytesMax - 1_024 - at.length * 3 })
    const end = offset + part.length
    return {
      path: at,
      content: part,
      encoding,
      size_bytes,
      ...(offset > 0 && { offset }),
      ...(end < text.length && { truncated: true, next_offset: end }),
    }
  },
})

type Wanted = { offset: number; limit: number | undefined; bytesMax: number }

/** Returns the part of a text whose JSON fits, split between characters. */
function partOf(text: string, { offset, limit = text.length, bytesMax }: Wanted): string {
  const most = Math.max(256, bytesMax)
  let part = between(text, offset, offset + Math.min(limit, most))
  for (let bytes = jsonBytes(part); bytes > most; bytes = jsonBytes(part)) {
    part = between(part, 0, Math.max(1, Math.floor((part.length * most) / bytes) - 1))
  }
  return part
}

const jsonBytes = (text: string) => Buffer.byteLength(JSON.stringify(text))

/** Returns a part that does not split a surrogate pair, unless it would be empty. */
function between(text: string, from: number, to: number): string {
  const part = text.slice(from, to)
  const last = part.charCodeAt(part.length - 1)
  return part.length > 1 && last >= 0xd800 && last <= 0xdbff ? part.slice(0, -1) : part
}

const writeFile = defineTool({
  name: 'write_file',
  description: 'Creates or replaces a file and creates missing directories.',
  replay: 'safe',
  input: Type.Object(
    {
      path,
      content: Type.String(),
      encoding: Type.Optional(
        Type.Enum(['text', 'base64'], {
          type: 'string',
          default: 'text',
          description: 'Use base64 for binary files.',
        }),
      ),
    },
    closed,
  ),
  async run({ path, content, encoding = 'text' }, { files }) {
    const bytes = Buffer.from(content, encoding === 'text' ? 'utf8' : 'base64')
    if (encoding === 'base64' && !isBase64(content))
      throw new ToolError('The content is not base64.')
    const { path: at, size_bytes, created_at, updated_at } = await files.write(path, bytes)
    return { path: at, size_bytes, created: created_at === updated_at }
  },
})

const isBase64 = (text: string) => /^[A-Za-z0-9+/]*={0,2}$/.test(text.replace(/\s/g, ''))

const entriesMax = 1_000

const listDirectory = defineTool({
  name: 'list_directory',
  description: 'Lists a directory, subdirectories first.',
  replay: 'safe',
  input: Type.Object(
    { path: Type.Optional(Type.String({ maxLength: 4096, default: '/' })) },
    closed,
  ),
  async run({ path = '/' }, { files }) {
    const all = await files.list(path)
    const entries = all.slice(0, entriesMax).map(entryOf)
    const truncated = all.length > entries.length
    return { path, entries, count: all.length, ...(truncated && { truncated }) }
  },
})

function entryOf({ name, path, is_directory, size_bytes, is_readonly }: FileInfo) {
  return { name, path, is_directory, size_bytes, is_readonly }
}

const grepFiles = defineTool({
  name: 'grep_files',
  description: 'Finds lines of text files that match a regular expression (RE2: no look-around).',
  replay: 'safe',
  input: Type.Object(
    {
      pattern: Type.String({ minLength: 1, maxLength: 1000 }),
      path_pattern: Type.Optional(
        Type.String({ maxLength: 1000, description: 'A glob: *.md anywhere, /src/** below /src.' }),
      ),
    },
    closed,
  ),
  async run({ pattern, path_pattern }, { files }) {
    const { results, truncated } = await files.grep(pattern, path_pattern)
    const matches = results.flatMap((result) => result.matches)
    return { pattern, matches, match_count: matches.length, ...(truncated && { truncated }) }
  },
})

const deleteFile = defineTool({
  name: 'delete_file',
  description:
    'Deletes a file or an empty directory; with recursive also a directory with content.',
  // A second run would report a missing file to the model.
  replay: 'until_changed',
  input: Type.Object({ path, recursive: Type.Optional(Type.Boolean({ default: false })) }, closed),
  async run({ path, recursive = false }, { files }) {
    const deleted = await files.remove(path, { recursive })
    if (!deleted) throw new ToolError(`File not found: ${path}`)
    return { path, deleted }
  },
})

const statFile = defineTool({
  name: 'stat_file',
  description: 'Returns whether a path exists, and its type, size and times.',
  replay: 'safe',
  input: Type.Object({ path }, closed),
  async run({ path }, { files }) {
    const found = await files.find(path)
    if (!found) return { path, exists: false }
    const { name, is_directory, is_readonly, size_bytes, created_at, updated_at } = found
    const about = { name, exists: true, is_directory, is_readonly }
    return { path: found.path, ...about, size_bytes, created_at, updated_at }
  },
})

const reading: readonly Tool[] = [readFile, listDirectory, grepFiles, statFile]
const writing: readonly Tool[] = [writeFile, deleteFile]

export const sessionFileSystem = defineCapability({
  id: 'session_file_system',
  name: 'File System',
  description: "Reads, writes and searches the session's files.",
  category: 'File Operations',
  icon: 'hard-drive',
  status: 'available',
  config,
  sessionRules: { readonly: 'true_wins' },
  prompt: ({ readonly }) =>
    [
      'This session has its own files, which stay from turn to turn. Paths are absolute.',
      'Use list_directory, stat_file, read_file and grep_files to read them.',
      readonly
        ? 'You cannot change them.'
        : 'Use write_file to create or replace a file and its directories, and delete_file to delete.',
      'Files below /_tool_outputs hold results of tools that were too long for a reply.',
    ].join('\n'),
  tools: ({ readonly }) => (readonly ? [...reading] : [...reading, ...writing]),
})
