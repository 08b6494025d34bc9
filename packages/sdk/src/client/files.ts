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
import { OutlastError } from '../http/error.ts'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf, type Page } from '../http/page.ts'

export function files(http: Http) {
  const { call } = http
  return {
    /**
     * Lists a directory, by default the root. Awaited without `limit`, it returns all entries in
     * one response. `not_a_directory` for a file.
     */
    list: (sessionId: string, directory = '/', query?: FileQuery, options?: CallOptions) =>
      listOf<FileInfo>(http, pathOf(sessionId, directory), query, options, {}),
    /** Reads a file, as text or base64: see `encoding`. `not_a_file` for a directory. */
    read: (sessionId: string, file: string, options?: CallOptions) =>
      call<SessionFile | Page<FileInfo>>('GET', pathOf(sessionId, file), {}, options).then(
        (found) => {
          if ('id' in found) return found
          throw new OutlastError('not_a_file', `${file} is a directory.`)
        },
      ),
    /** Creates a file or directory and its parents. `file_exists` if the path exists. */
    create: (sessionId: string, file: string, body: NewFile, options?: CallOptions) =>
      call<SessionFile>('POST', pathOf(sessionId, file), { body }, options),
    /** Replaces the content or the flag of an existing file. */
    update: (sessionId: string, file: string, body: FileUpdate, options?: CallOptions) =>
      call<SessionFile>('PUT', pathOf(sessionId, file), { body }, options),
    /** Deletes a path; a non-empty directory needs `recursive`. A retry may return false. */
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
    /** Copies a file. `destination_exists` if the target exists. */
    copy: (sessionId: string, body: CopyFile, options?: CallOptions) =>
      call<SessionFile>('POST', path`/v1/sessions/${sessionId}/fs/_/copy`, { body }, options),
    /** Moves a file, or a directory with its content. */
    move: (sessionId: string, body: MoveFile, options?: CallOptions) =>
      call<SessionFile>('POST', path`/v1/sessions/${sessionId}/fs/_/move`, { body }, options),
    /** Returns the metadata of a path. */
    stat: (sessionId: string, file: string, options?: CallOptions) =>
      call<FileStat>(
        'POST',
        path`/v1/sessions/${sessionId}/fs/_/stat`,
        { body: { path: file }, isRead: true },
        options,
      ),
    /** Finds matching lines, grouped by file. `truncated`: the search stopped early. */
    grep: (sessionId: string, body: Grep, options?: CallOptions) =>
      call<Page<GrepResult> & { truncated?: boolean }>(
        'POST',
        path`/v1/sessions/${sessionId}/fs/_/grep`,
        { body, isRead: true },
        options,
      ),
  }
}

/** Escapes the names of a path, such as `a b?.txt`. Contract: throws for `..`. */
function pathOf(sessionId: string, file: string): string {
  const names = file.split('/').filter((name) => name !== '')
  return names.reduce((before, name) => before + path`/${name}`, path`/v1/sessions/${sessionId}/fs`)
}
