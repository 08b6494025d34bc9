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
import { type CallOptions, type Http, path } from './http.ts'
import { listOf, type Page } from './page.ts'

export function files(http: Http) {
  const { call } = http
  return {
    /** What is in a directory; default: the root. */
    list: (sessionId: string, directory = '/', query?: FileQuery, options?: CallOptions) =>
      listOf<FileInfo>(http, pathOf(sessionId, directory), query, options),
    /** A file with its content: as text where it is text, else in base64. */
    read: (sessionId: string, file: string, options?: CallOptions) =>
      call<SessionFile>('GET', pathOf(sessionId, file), {}, options),
    /** Makes a file or directory, and the directories above it. */
    create: (sessionId: string, file: string, body: NewFile, options?: CallOptions) =>
      call<SessionFile>('POST', pathOf(sessionId, file), { body }, options),
    update: (sessionId: string, file: string, body: FileUpdate, options?: CallOptions) =>
      call<SessionFile>('PUT', pathOf(sessionId, file), { body }, options),
    /** A directory that is not empty needs `recursive`. */
    delete: (
      sessionId: string,
      file: string,
      query?: { recursive?: boolean },
      options?: CallOptions,
    ) => call<{ deleted: boolean }>('DELETE', pathOf(sessionId, file), { query }, options),
    copy: (sessionId: string, body: CopyFile, options?: CallOptions) =>
      call<SessionFile>('POST', path`/v1/sessions/${sessionId}/fs/_/copy`, { body }, options),
    move: (sessionId: string, body: MoveFile, options?: CallOptions) =>
      call<SessionFile>('POST', path`/v1/sessions/${sessionId}/fs/_/move`, { body }, options),
    stat: (sessionId: string, file: string, options?: CallOptions) =>
      call<FileStat>(
        'POST',
        path`/v1/sessions/${sessionId}/fs/_/stat`,
        { body: { path: file } },
        options,
      ),
    /** The lines that match, file by file. */
    grep: (sessionId: string, body: Grep, options?: CallOptions) =>
      call<Page<GrepResult> & { truncated?: boolean }>(
        'POST',
        path`/v1/sessions/${sessionId}/fs/_/grep`,
        { body },
        options,
      ),
  }
}

/** Contract: a name such as `a b?.txt` arrives as it is; `..` is refused. */
function pathOf(sessionId: string, file: string): string {
  const names = file.split('/').filter((name) => name !== '')
  return names.reduce((before, name) => before + path`/${name}`, path`/v1/sessions/${sessionId}/fs`)
}
