import { type Static, Type } from 'typebox'
import { Timestamp } from '../core/id.ts'
import { count, described, listParameters, oneOf, optional, pageOf } from '../core/shape.ts'

const path = Type.String({
  maxLength: 4096,
  description: 'Absolute path, case-sensitive: at most 1,024 bytes and 64 levels, without `..`.',
  examples: ['/reports/march.csv'],
})

const facts = {
  path: Type.String({
    description: 'Absolute path in the session.',
    examples: ['/reports/march.csv'],
  }),
  name: Type.String({
    description: 'Last part of the path; `/` for the root.',
    examples: ['march.csv'],
  }),
  is_directory: Type.Boolean({ description: 'True for a directory, false for a file.' }),
  is_readonly: Type.Boolean({
    description: 'True if the file cannot be changed, moved or deleted until the flag is cleared.',
  }),
  size_bytes: count('Size of the content in bytes; 0 for a directory.'),
  created_at: described(Timestamp, 'Time at which the path was created.'),
  updated_at: described(
    Timestamp,
    'Time of the latest change. In quotes it is the `ETag` for `If-Match`.',
  ),
}
const uuid = (description: string) =>
  Type.String({
    format: 'uuid',
    description,
    examples: ['01933b5a-0000-7000-8000-000000000001'],
  })
const info = {
  id: uuid('Id of the file or directory, a UUID.'),
  session_id: uuid('Id of the session as a UUID with dashes, without the prefix `session_`.'),
  ...facts,
}

const statExample = {
  path: '/reports/march.csv',
  name: 'march.csv',
  is_directory: false,
  is_readonly: false,
  size_bytes: 13,
  created_at: '2026-11-25T09:30:00.000Z',
  updated_at: '2026-11-25T09:30:00.000Z',
}
const example = {
  id: '01933b5a-0000-7000-8000-000000000301',
  session_id: '01933b5a-0000-7000-8000-00000000a001',
  ...statExample,
}

export const FileInfo = Type.Object(info, {
  title: 'FileInfo',
  description: 'A file or directory of a session, without its content.',
  examples: [example],
})
export type FileInfo = Static<typeof FileInfo>
export const FilePage = pageOf(FileInfo, 'FilePage')

export const SessionFile = Type.Object(
  {
    ...info,
    content: optional(
      Type.String(),
      'Content of the file, in the form that `encoding` names. Null for a file that was created without content, absent for a directory.',
    ),
    encoding: Type.Optional(
      described(
        oneOf('text', 'base64'),
        '`text`: the content is UTF-8 text. `base64`: it is binary. Absent without content.',
      ),
    ),
  },
  {
    title: 'SessionFile',
    description: 'A file of a session with its content, or a directory.',
    examples: [{ ...example, content: 'month,orders\n', encoding: 'text' }],
  },
)
export type SessionFile = Static<typeof SessionFile>

export const FileStat = Type.Object(facts, {
  title: 'FileStat',
  description: 'Metadata of a path.',
  examples: [statExample],
})
export type FileStat = Static<typeof FileStat>

const content = (absent: string) => ({
  content: optional(
    Type.String(),
    `Content of the file, at most 10 MiB by default. Default: ${absent}.`,
  ),
  encoding: optional(
    Type.String({ maxLength: 20 }),
    'Form of `content`: `text`, which is the default, or `base64`.',
  ),
})

export const NewFile = Type.Object(
  {
    ...content('an empty file'),
    is_directory: optional(
      Type.Boolean(),
      'True creates a directory, and `content` is not used. Default: false.',
    ),
    is_readonly: optional(
      Type.Boolean(),
      'True protects the file against changes. Default: false.',
    ),
  },
  {
    title: 'CreateFileRequest',
    description: 'A new file or directory. Missing parent directories are created.',
    examples: [{ content: 'month,orders\n' }],
  },
)
export type NewFile = Static<typeof NewFile>

export const FileUpdate = Type.Object(
  {
    ...content('unchanged'),
    is_readonly: optional(
      Type.Boolean(),
      'True sets the protection against changes, false clears it. Default: unchanged.',
    ),
  },
  {
    title: 'UpdateFileRequest',
    description: 'New content or flag of a file. An absent or `null` property is unchanged.',
    examples: [{ content: 'month,orders\nmarch,18200\n' }],
  },
)
export type FileUpdate = Static<typeof FileUpdate>

const paths = {
  src_path: described(path, 'Absolute path of the source.'),
  dst_path: described(path, 'Absolute path of the target, which must not exist.'),
}
const pathsExample = { src_path: '/reports/march.csv', dst_path: '/archive/march.csv' }

export const MoveFile = Type.Object(paths, {
  title: 'MoveFileRequest',
  description: 'A file or directory to move, and its new path.',
  examples: [pathsExample],
})
export type MoveFile = Static<typeof MoveFile>
export const CopyFile = Type.Object(paths, {
  title: 'CopyFileRequest',
  description: 'A file to copy, and the path of the copy.',
  examples: [pathsExample],
})
export type CopyFile = Static<typeof CopyFile>
export const StatFile = Type.Object(
  { path },
  {
    title: 'StatRequest',
    description: 'The path to describe.',
    examples: [{ path: '/reports/march.csv' }],
  },
)
export type StatFile = Static<typeof StatFile>
export const Deleted = Type.Object(
  {
    deleted: Type.Boolean({
      description: 'True if something was deleted, false if the path did not exist.',
    }),
  },
  {
    title: 'DeleteResponse',
    description: 'Result of a deletion.',
    examples: [{ deleted: true }],
  },
)

export const FileQuery = Type.Object({
  ...listParameters,
  recursive: Type.Optional(
    Type.Boolean({
      description:
        'True lists or deletes all files and directories below the path. Default: false.',
    }),
  ),
})
export type FileQuery = Static<typeof FileQuery>

export const Grep = Type.Object(
  {
    pattern: Type.String({
      minLength: 1,
      maxLength: 1000,
      description:
        'Regular expression in RE2 syntax, matched against each line: 1 to 1,000 characters.',
      examples: ['TODO|FIXME'],
    }),
    path_pattern: optional(
      Type.String({ maxLength: 1000 }),
      'Glob of the files to search, such as `*.txt` (in any directory) or `/docs/**`: at most 1,000 characters. Default: all files.',
    ),
  },
  {
    title: 'GrepRequest',
    description: 'The pattern to search for, and the files to search.',
    examples: [{ pattern: 'TODO|FIXME', path_pattern: '/src/**/*.ts' }],
  },
)
export type Grep = Static<typeof Grep>

export const GrepMatch = Type.Object(
  {
    path: Type.String({ description: 'Absolute path of the file.' }),
    line_number: Type.Integer({ minimum: 1, description: 'Number of the line, from 1.' }),
    line: Type.String({
      description: 'The line, at most 1,000 characters; a longer one ends in `…`.',
    }),
  },
  { title: 'GrepMatch', description: 'A line that matches.' },
)
export type GrepMatch = Static<typeof GrepMatch>

export const GrepResult = Type.Object(
  {
    path: Type.String({ description: 'Absolute path of the file.' }),
    matches: Type.Array(GrepMatch, { description: 'Matching lines in order.' }),
  },
  {
    title: 'GrepResult',
    description: 'Matching lines of one file.',
    examples: [
      {
        path: '/src/main.ts',
        matches: [{ path: '/src/main.ts', line_number: 7, line: '// TODO: retry' }],
      },
    ],
  },
)
export type GrepResult = Static<typeof GrepResult>

export const GrepPage = Type.Object(
  {
    ...pageOf(GrepResult, 'GrepPage').properties,
    truncated: Type.Optional(
      Type.Boolean({
        description:
          'True if the search stopped early, at the latest after 10,000 matches. Absent otherwise.',
      }),
    ),
  },
  { title: 'GrepPage', description: 'Files with matching lines, by path.' },
)

export const PathChange = Type.Object(
  {
    change: described(
      oneOf('created', 'updated', 'deleted', 'moved'),
      '`created`: the path is new. `updated`: its content or flag changed. `deleted`: it is gone. `moved`: it was at `from_path`.',
    ),
    path: Type.String({ description: 'Absolute path after the change.' }),
    is_directory: Type.Boolean({ description: 'True for a directory, false for a file.' }),
    size_bytes: Type.Optional(
      count('Size of the file in bytes after the change. Absent if it was deleted.'),
    ),
    from_path: Type.Optional(
      Type.String({ description: 'Absolute path before a move. Absent for other changes.' }),
    ),
  },
  {
    title: 'PathChange',
    description: 'A change of one path.',
    examples: [{ change: 'created', path: '/notes/today.md', is_directory: false, size_bytes: 9 }],
  },
)
export type PathChange = Static<typeof PathChange>
