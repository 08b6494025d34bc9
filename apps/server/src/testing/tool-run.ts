import type { Question, QuestionOutcome } from '@outlast/contract'
import type { Image, Progress } from '../capabilities/capability.ts'
import type { SessionFiles, SessionStorage } from '../store/files/tool-access.ts'
import type { FirstTexts } from './memory-storage.ts'

export type RunToolOptions = {
  /** The tool of a capability that has several; for a tool, the name that its file would give. */
  name?: string
  /** Config of the capability. Default: empty. */
  config?: Record<string, unknown>
  /** Files by path, besides those of the capability, or the files of an earlier call. */
  files?: Readonly<Record<string, string | Uint8Array>> | SessionFiles
  /** Stored texts by name, or the storage of an earlier call. */
  storage?: FirstTexts | SessionStorage
  /** The end user to whom the session of the call belongs. Default: none. */
  user?: string
  /** Default: a function that throws. */
  fetch?: typeof fetch
  /** Answers the questions of `context.ask`. Default: a function that throws. */
  ask?: (questions: readonly Question[]) => QuestionOutcome | Promise<QuestionOutcome>
  /** Cancels the call. */
  signal?: AbortSignal
}

export type ToolRunResult = {
  /** The result as the model gets it: converted to JSON and back. */
  // biome-ignore lint/suspicious/noExplicitAny: each tool has its own result
  result: any
  images: readonly Image[]
  /** The reports of the tool, in order. */
  progress: readonly Progress[]
  files: SessionFiles
  storage: SessionStorage
}

/**
 * A call failed. The message is the error that the model gets; `cause` is the error of the tool.
 */
export class ToolCallError extends Error {
  override name = 'ToolCallError'
}
