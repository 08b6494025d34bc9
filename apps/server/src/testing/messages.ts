/** The lines that processes of tests exchange, as JSON. */

/** From a test to a keeper, and back. */
export type KeeperRequest = { id: number } & ({ create: true } | { drop: string })
export type KeeperReply = { id: number; url?: string; error?: string }
/** The line that a keeper writes at its start. */
export type KeeperState = { state: 'ready' | 'busy' } | { state: 'failed'; error: string }

/** The start of a test server. */
export type ServerStart = {
  /** Folder of the project. */
  folder: string
  /** The environment of the test; settings in it have no effect. */
  environment: Record<string, string | undefined>
  settings: Record<string, string>
  /** Added to PRIVATE_HOSTS_ALLOWED. */
  allowed: string[]
}
export type ChildMessage =
  | { warmUp: Record<string, string> }
  | { start: ServerStart }
  | { stop: true }
/** `isOpen`: callers need no credential. */
export type ReadyState = { url: string; isOpen: boolean }
/** `code`: that of a system error, such as EADDRINUSE. */
export type ServerState = ReadyState | { error: string; code: string | undefined }
