import { type Static, Type } from 'typebox'
import { Timestamp } from './id.ts'
import { count, oneOf, optional, PageQuery, pageOf } from './shape.ts'

const path = Type.String({ maxLength: 4096, description: 'As in `/reports/march.csv`.' })

const facts = {
  path: Type.String(),
  name: Type.String({ description: 'The last part of the path; `/` for the root.' }),
  is_directory: Type.Boolean(),
  is_readonly: Type.Boolean(),
  size_bytes: count(),
  created_at: Timestamp,
  updated_at: Timestamp,
}
const uuid = Type.String({ format: 'uuid' })
const info = { id: uuid, session_id: uuid, ...facts }

/** A file or directory of a session, without what is in it. */
export const FileInfo = Type.Object(info, { title: 'FileInfo' })
export type FileInfo = Static<typeof FileInfo>
export const FilePage = pageOf(FileInfo, 'FilePage')

/** A file with its content: as text where it is text, else in base64. */
export const SessionFile = Type.Object(
  {
    ...info,
    content: optional(Type.String()),
    encoding: Type.Optional(oneOf('text', 'base64')),
  },
  { title: 'SessionFile' },
)
export type SessionFile = Static<typeof SessionFile>

export const FileStat = Type.Object(facts, { title: 'FileStat' })
export type FileStat = Static<typeof FileStat>

const content = {
  content: optional(Type.String()),
  encoding: optional(
    Type.String({ maxLength: 20, description: '`base64`, or `text`, which is the default.' }),
  ),
}

export const NewFile = Type.Object(
  { ...content, is_directory: optional(Type.Boolean()), is_readonly: optional(Type.Boolean()) },
  { title: 'CreateFileRequest' },
)
export type NewFile = Static<typeof NewFile>

/** Absent or `null`: unchanged. */
export const FileUpdate = Type.Object(
  { ...content, is_readonly: optional(Type.Boolean()) },
  { title: 'UpdateFileRequest' },
)
export type FileUpdate = Static<typeof FileUpdate>

export const MoveFile = Type.Object(
  { src_path: path, dst_path: path },
  { title: 'MoveFileRequest' },
)
export type MoveFile = Static<typeof MoveFile>
export const CopyFile = Type.Object(
  { src_path: path, dst_path: path },
  { title: 'CopyFileRequest' },
)
export type CopyFile = Static<typeof CopyFile>
export const StatFile = Type.Object({ path }, { title: 'StatRequest' })
export type StatFile = Static<typeof StatFile>
export const Deleted = Type.Object({ deleted: Type.Boolean() }, { title: 'DeleteResponse' })

export const FileQuery = Type.Object({
  ...PageQuery.properties,
  recursive: Type.Optional(Type.Boolean()),
})
export type FileQuery = Static<typeof FileQuery>

export const Grep = Type.Object(
  {
    pattern: Type.String({
      minLength: 1,
      maxLength: 1000,
      description: 'A regular expression in the syntax of RE2, tried on each line.',
    }),
    path_pattern: optional(
      Type.String({
        maxLength: 1000,
        description: 'A glob such as `*.txt` (anywhere) or `/docs/**`.',
      }),
    ),
  },
  { title: 'GrepRequest' },
)
export type Grep = Static<typeof Grep>

export const GrepMatch = Type.Object(
  {
    path: Type.String(),
    line_number: Type.Integer({ minimum: 1 }),
    line: Type.String({ description: 'Long lines are cut short, with `…` at their end.' }),
  },
  { title: 'GrepMatch' },
)
export type GrepMatch = Static<typeof GrepMatch>

/** The matching lines of one file. */
export const GrepResult = Type.Object(
  { path: Type.String(), matches: Type.Array(GrepMatch) },
  { title: 'GrepResult' },
)
export type GrepResult = Static<typeof GrepResult>

export const GrepPage = Type.Object(
  {
    ...pageOf(GrepResult, 'GrepPage').properties,
    truncated: Type.Optional(
      Type.Boolean({ description: 'There are more matches than an answer holds.' }),
    ),
  },
  { title: 'GrepPage' },
)

/** What became of one path. */
export const PathChange = Type.Object(
  {
    change: oneOf('created', 'updated', 'deleted', 'moved'),
    path: Type.String(),
    is_directory: Type.Boolean(),
    size_bytes: Type.Optional(count()),
    from_path: Type.Optional(Type.String({ description: 'Where it was before it moved.' })),
  },
  { title: 'PathChange' },
)
export type PathChange = Static<typeof PathChange>
