/** Types of the session's files and stored texts for tools. Projects import them. */
import type { FileInfo, GrepResult } from '@outlast/contract'

/** One of several changes that are made at once. */
export type FileChange =
  | { kind: 'write'; path: string; bytes: Buffer }
  | { kind: 'directory'; path: string }
  /** `known`: the paths below a directory that are removed with it; absent: all of them. */
  | { kind: 'remove'; path: string; known?: readonly string[] }

export type FileContent = { file: FileInfo; bytes: Buffer }

/**
 * The files of one session. Paths are absolute; missing parents are created.
 * Contract: throws ApiErrors that name the path, such as `file_not_found`, `file_readonly`,
 * `file_too_large`. A change is stored completely, with its event, or not at all.
 */
export type SessionFiles = {
  /**
   * Lists direct children, directories first; with `recursive` all below, in the order of paths.
   */
  list: (path: string, options?: { recursive?: boolean }) => Promise<FileInfo[]>
  /** Undefined when nothing is there. */
  find: (path: string) => Promise<FileInfo | undefined>
  read: (path: string) => Promise<FileContent>
  /** Creates a file or replaces its content. */
  write: (path: string, content: string | Buffer) => Promise<FileInfo>
  /**
   * Replaces the content of a file by the result of `change`, with exclusive access to the
   * session's files. `change` gets undefined where there is no file yet; when it returns undefined,
   * or throws, nothing changes.
   * Contract: throws when `change` returns a promise, which could wait for the files themselves.
   */
  edit: (
    path: string,
    change: (bytes: Buffer | undefined) => string | Buffer | undefined,
  ) => Promise<void>
  /** False when nothing was there. */
  remove: (path: string, options?: { recursive?: boolean }) => Promise<boolean>
  /** Makes all changes, or none of them. A directory is removed with its contents. */
  apply: (changes: readonly FileChange[]) => Promise<void>
  grep: (
    pattern: string,
    pathPattern?: string,
  ) => Promise<{ results: GrepResult[]; truncated: boolean }>
}

/** The name and times of a stored text, without the text. */
export type StoredName = { name: string; created_at: string; updated_at: string }

/**
 * Texts that a session stores by name: plain values, and encrypted secrets.
 * Contract: secrets without a master key throw the ApiError `secrets_unavailable`.
 */
export type SessionStorage = Record<'values' | 'secrets', NamedTexts>

export type NamedTexts = {
  /** Stores a text under a name, replacing an earlier one. */
  set: (name: string, text: string) => Promise<void>
  /**
   * Undefined when nothing is stored under the name. `forModel`: for a result that the model sees.
   * Contract: throws `secret_hidden` for the model if a person gave the secret as an answer.
   */
  get: (name: string, options?: { forModel?: boolean }) => Promise<string | undefined>
  /** False when nothing was stored under the name. */
  remove: (name: string) => Promise<boolean>
  /** Lists the names in order. */
  list: () => Promise<StoredName[]>
}
