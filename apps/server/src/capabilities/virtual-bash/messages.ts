import os from 'node:os'
import type { FileChange } from '../../store/files/tool-access.ts'

/** Number of shells of a node, and thus of concurrent commands. */
export const shellsMax = Math.min(32, Math.max(2, 2 * os.availableParallelism()))

/** A file or directory of the session, as of the start of a command. */
export type SessionEntry = {
  path: string
  isDirectory: boolean
  isReadonly: boolean
  sizeBytes: number
  changedAtMs: number
}

/** Entries in columns: relaying ten thousand of them takes a process 1 ms instead of 10. */
export type PackedEntries = {
  paths: string
  directories: Uint8Array
  readonlies: Uint8Array
  sizes: Float64Array
  times: Float64Array
}

export function packEntries(entries: readonly SessionEntry[]): PackedEntries {
  return {
    paths: entries.map(({ path }) => path).join('\0'),
    directories: Uint8Array.from(entries, ({ isDirectory }) => Number(isDirectory)),
    readonlies: Uint8Array.from(entries, ({ isReadonly }) => Number(isReadonly)),
    sizes: Float64Array.from(entries, ({ sizeBytes }) => sizeBytes),
    times: Float64Array.from(entries, ({ changedAtMs }) => changedAtMs),
  }
}

export function unpackEntries(packed: PackedEntries): SessionEntry[] {
  if (packed.sizes.length === 0) return []
  return packed.paths.split('\0').map((path, at) => ({
    path,
    isDirectory: packed.directories[at] === 1,
    isReadonly: packed.readonlies[at] === 1,
    sizeBytes: packed.sizes[at]!,
    changedAtMs: packed.times[at]!,
  }))
}

/** One command with its limits and files. */
export type Job = {
  command: string
  workingDir: string
  timeoutMs: number
  env: Record<string, string>
  /** Names of the allowed programs; undefined: all. */
  commands: readonly string[] | undefined
  hasNetwork: boolean
  entries: PackedEntries
}

export type WebRequest = {
  url: string
  method: string
  headers: [name: string, value: string][]
  body: string | undefined
  followRedirects: boolean
  redirectsMax: number
  timeoutMs: number | undefined
}

export type WebAnswer = {
  status: number
  statusText: string
  headers: Record<string, string>
  body: Uint8Array
  url: string
}

/** The result of a command. `refused`: it did not start, with the reason. */
export type Ended =
  | { kind: 'done'; stdout: string; stderr: string; exitCode: number }
  | { kind: 'refused'; reason: string }
  | { kind: 'failed'; reason: string }

/** A request of a shell to the server. `read` returns undefined for a deleted file. */
export type ShellQuestion = { kind: 'read'; path: string } | { kind: 'fetch'; request: WebRequest }

export type FromShell =
  | { kind: 'ready' }
  | { kind: 'ask'; id: number; asked: ShellQuestion }
  | { kind: 'changed'; changes: FileChange[] }
  | { kind: 'ended'; ended: Ended; isLarge: boolean }

export type ShellAnswer = { kind: 'answer'; id: number; value?: unknown; error?: string }

export type ToShell = { kind: 'run'; job: Job } | ShellAnswer

/**
 * Why the launcher ended a call. `unready`: its shell did not start. `broke`: a signal ended it, as
 * when it uses too much memory. `ended`: it ended by itself.
 */
export type Stopped = 'timeout' | 'unready' | 'broke' | 'ended'

export type ToLauncher =
  | { kind: 'start'; call: number; sessionId: string; job: Job }
  | { kind: 'answer'; call: number; answer: ShellAnswer }
  | { kind: 'cancel'; call: number }

export type FromLauncher =
  | { kind: 'said'; call: number; said: Exclude<FromShell, { kind: 'ready' }> }
  | { kind: 'stopped'; call: number; why: Stopped }
