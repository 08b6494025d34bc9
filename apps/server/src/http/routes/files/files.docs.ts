import type { DocsTable } from '../../core/docs.ts'

const session = 'session_01933b5a000070008000000000000001'

const file = {
  id: '01933b5a-0000-7000-8000-000000000002',
  session_id: '01933b5a-0000-7000-8000-000000000001',
  path: '/reports/march.csv',
  name: 'march.csv',
  is_directory: false,
  is_readonly: false,
  size_bytes: 12,
  created_at: '2026-11-25T09:30:00.000Z',
  updated_at: '2026-11-25T09:30:00.000Z',
}
const whole = { ...file, content: 'date,amount\n', encoding: 'text' }
const page = { data: [file], total: 1, offset: 0, limit: 1 }
const moved = { ...whole, path: '/archive/march.csv' }

export const fileDocs = {
  get_root: {
    tag: 'Files',
    summary: 'List files of a session',
    description:
      'Returns the files and directories at the root of a session, or with `recursive` all of them, in the order of their paths. Contents are not included. Without `limit` it streams the whole list.',
    response: page,
    sample: `const page = await outlast.files.list('${session}', '/', { recursive: true })`,
  },
  get_path: {
    tag: 'Files',
    summary: 'Get a file or list a directory',
    description:
      'Returns a file with its content, as text if it is valid UTF-8, else in base64. For a directory it returns a page of its entries. The response of a file has an `ETag` for `If-Match`.',
    errors: ['path_not_found', 'not_a_directory', 'invalid_path'],
    response: whole,
    sample: `const file = await outlast.files.read('${session}', '/reports/march.csv')`,
  },
  create_path: {
    tag: 'Files',
    summary: 'Create a file or directory',
    description:
      'Creates a file, or a directory with `is_directory`, and the missing directories above it. The event `files.changed` reports it. An existing file is not replaced. The body has at most 16 MiB; `FILE_SIZE_MB` limits one file, `SESSION_FILES_MB` and `SESSION_FILES_MAX` all files of a session.',
    errors: [
      'invalid_path',
      'reserved_path',
      'root_path',
      'path_is_file',
      'invalid_base64',
      'file_readonly',
      'quota_exceeded',
      'file_exists',
      'file_too_large',
      'session_files_full',
    ],
    request: { content: 'date,amount\n' },
    response: whole,
    sample: `const file = await outlast.files.create('${session}', '/reports/march.csv', {\n  content: 'date,amount\\n',\n})`,
  },
  update_path: {
    tag: 'Files',
    summary: 'Replace a file',
    description:
      'Replaces the content of a file or changes `is_readonly`. Absent and null properties stay as they are. A read-only file accepts only a change of `is_readonly`. The event `files.changed` reports the change.',
    errors: [
      'invalid_path',
      'reserved_path',
      'root_path',
      'path_is_directory',
      'file_readonly',
      'invalid_base64',
      'file_not_found',
      'quota_exceeded',
      'file_too_large',
      'session_files_full',
    ],
    request: { content: 'date,amount\n' },
    response: whole,
    sample: `const file = await outlast.files.update('${session}', '/reports/march.csv', {\n  content: 'date,amount\\n',\n})`,
  },
  delete_path: {
    tag: 'Files',
    summary: 'Delete a file or directory',
    description:
      'Deletes a file or an empty directory; with `recursive` also a directory with all of its content. `deleted` is false if the path did not exist. The event `files.changed` reports the deletion.',
    errors: ['invalid_path', 'root_path', 'directory_not_empty', 'file_readonly'],
    response: { deleted: true },
    sample: `await outlast.files.delete('${session}', '/reports', { recursive: true })`,
  },
  stat_file: {
    tag: 'Files',
    summary: 'Get file metadata',
    description:
      'Returns the size, times and kind of a file or directory, without its content. It changes nothing, although it is a POST.',
    errors: ['path_not_found', 'invalid_path'],
    request: { path: '/reports/march.csv' },
    sample: `const info = await outlast.files.stat('${session}', '/reports/march.csv')`,
  },
  grep_files: {
    tag: 'Files',
    summary: 'Search text files',
    description:
      'Returns the lines of text files that match a regular expression in RE2 syntax. `path_pattern` limits the search to matching paths. The search runs in a worker thread with a time limit; `truncated` is true if there are more matches than one response holds.',
    errors: ['invalid_regex', 'grep_timeout', 'grep_busy'],
    request: { pattern: 'amount', path_pattern: '*.csv' },
    response: {
      data: [
        {
          path: '/reports/march.csv',
          matches: [{ path: '/reports/march.csv', line_number: 1, line: 'date,amount' }],
        },
      ],
      total: 1,
      offset: 0,
      limit: 1,
    },
    sample: `const found = await outlast.files.grep('${session}', { pattern: 'amount' })`,
  },
  copy_file: {
    tag: 'Files',
    summary: 'Copy a file',
    description:
      'Copies a file to a path that does not exist yet, and creates the directories above it. Directories cannot be copied.',
    errors: [
      'invalid_path',
      'reserved_path',
      'root_path',
      'directory_not_copied',
      'path_is_file',
      'source_not_found',
      'destination_exists',
      'quota_exceeded',
      'session_files_full',
    ],
    request: { src_path: '/reports/march.csv', dst_path: '/archive/march.csv' },
    response: moved,
    sample: `const copy = await outlast.files.copy('${session}', {\n  src_path: '/reports/march.csv',\n  dst_path: '/archive/march.csv',\n})`,
  },
  move_file: {
    tag: 'Files',
    summary: 'Move a file or directory',
    description:
      'Moves or renames a file, or a directory with all of its content, to a path that does not exist yet. Missing directories above it are created.',
    errors: [
      'invalid_path',
      'reserved_path',
      'root_path',
      'path_in_itself',
      'path_is_file',
      'file_readonly',
      'source_not_found',
      'destination_exists',
      'session_files_full',
    ],
    request: { src_path: '/reports/march.csv', dst_path: '/archive/march.csv' },
    response: moved,
    sample: `const moved = await outlast.files.move('${session}', {\n  src_path: '/reports/march.csv',\n  dst_path: '/archive/march.csv',\n})`,
  },
} as const satisfies DocsTable
