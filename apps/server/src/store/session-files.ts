import type { FileInfo, GrepResult } from '@outlast/contract'

/** One change among several that happen at once. */
export type FileChange =
  | { kind: 'write'; path: string; bytes: Buffer }
  | { kind: 'directory'; path: string }
  | { kind: 'remove'; path: string }

export type FileContent = { file: FileInfo; bytes: Buffer }

/**
 * The files of one session. Paths are absolute; parents are made where they are missing.
 * Contract: throws ApiErrors that name the path, such as `file_not_found`, `file_readonly`, `file_too_large`; a change is
 * stored whole, with its event, or not at all.
 */
export type SessionFiles = {
  /** Direct children, directories first; with `recursive` everything below, in the order of paths. */
  list: (path: string, options?: { recursive?: boolean }) => Promise<FileInfo[]>
  /** Undefined when nothing is there. */
  find: (path: string) => Promise<FileInfo | undefined>
  read: (path: string) => Promise<FileContent>
  /** Creates a file or replaces what is in it. */
  write: (path: string, content: string | Buffer) => Promise<FileInfo>
  /**
   * Replaces what is in a file by what `change` makes of it, while nobody else changes files of this session. `change`
   * gets undefined where there is no file yet; when it returns undefined, or throws, nothing changes.
   */
  edit: (
    path: string,
    change: (bytes: Buffer | undefined) => string | Buffer | undefined,
  ) => Promise<void>
  /** False when nothing was there. */
  remove: (path: string, options?: { recursive?: boolean }) => Promise<boolean>
  /** Makes all changes, or none of them. A directory is removed with all that is in it. */
  apply: (changes: readonly FileChange[]) => Promise<void>
  grep: (
    pattern: string,
    pathPattern?: string,
  ) => Promise<{ results: GrepResult[]; truncated: boolean }>
}
