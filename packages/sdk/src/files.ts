import type {
  CopyFile,
  FileInfo,
  FileQuery,
  FileStat,
  FileUpdate,
  Grep,
  GrepResult,
  MoveFile,
  NewFile,
  SessionFile,
} from '@outlast/contract'
import { OutlastError } from './error.ts'
import { type CallOptions, type Http, path } from './http.ts'
import { listOf, type Page } from './page.ts'

export function files(http: Http) {
  const { call } = http
  return {
    /** What is in a directory; default: the root. */
    list: (sessionId: string, directory = '/', query?: FileQuery, options?: CallOptions) =>
      listOf<FileInfo>(http, pathOf(sessionId, directory), query, options),
    /** A file with its content: text as such, else in base64. `not_a_file` for a directory. */
    read: (sessionId: string, file: string, options?: CallOptions) =>
      call<SessionFile | Page<FileInfo>>('GET', pathOf(sessionId, file), {}, options).then(
        (found) => {
          if ('id' in found) return found
          throw new OutlastError('not_a_file', `${file} is a directory.`)
        },
      ),
    /** Creates a file or directory, and its parents. `file_exists` if the path is taken. */
    create: (sessionId: string, file: string, body: NewFile, options?: CallOptions) =>
      call<SessionFile>('POST', pathOf(sessionId, file), { body }, options),
    /** New content for a file that is there. */
    update: (sessionId: string, file: string, body: FileUpdate, options?: CallOptions) =>
      call<SessionFile>('PUT', pathOf(sessionId, file), { body }, options),
    /** A non-empty directory needs `recursive`. `deleted` is false if a retry finds nothing. */
    delete: (
      sessionId: string,
      file: string,
      query?: { recursive?: boolean },
      options?: CallOptions,
    ) =>
      call<{ deleted: boolean } | undefined>(
        'DELETE',
        pathOf(sessionId, file),
        { query },
        options,
      ).then((answer) => answer ?? { deleted: true }),
    /** Copies a file. `destination_exists` where something stands. */
    copy: (sessionId: string, body: CopyFile, options?: CallOptions) =>
      call<SessionFile>('POST', path`/v1/sessions/${sessionId}/fs/_/copy`, { body }, options),
    /** Moves a file or directory, with all that is in it. */
    move: (sessionId: string, body: MoveFile, options?: CallOptions) =>
      call<SessionFile>('POST', path`/v1/sessions/${sessionId}/fs/_/move`, { body }, options),
    /** What is known of a path without reading it. */
    stat: (sessionId: string, file: string, options?: CallOptions) =>
      call<FileStat>(
        'POST',
        path`/v1/sessions/${sessionId}/fs/_/stat`,
        { body: { path: file }, isRead: true },
        options,
      ),
    /** The lines that match, file by file. `truncated`: there are more than an answer holds. */
    grep: (sessionId: string, body: Grep, options?: CallOptions) =>
      call<Page<GrepResult> & { truncated?: boolean }>(
        'POST',
        path`/v1/sessions/${sessionId}/fs/_/grep`,
        { body, isRead: true },
        options,
      ),
  }
}

/** Contract: a name such as `a b?.txt` arrives as it is; `..` is refused. */
function pathOf(sessionId: string, file: string): string {
  const names = file.split('/').filter((name) => name !== '')
  return names.reduce((before, name) => before + path`/${name}`, path`/v1/sessions/${sessionId}/fs`)
}
