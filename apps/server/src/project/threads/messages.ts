import type { MessagePort } from 'node:worker_threads'
import type { ProjectLocation } from '../load.ts'
import type { SentContext } from './context.ts'

/** The only message to the parent port of a thread. `port` carries all others. */
export type ThreadStart = {
  port: MessagePort
  location: ProjectLocation
  /** Size of a file of a session: longer results are cut before they are sent. */
  fileBytesMax: number
  /** Numbers that the main thread reads, also after the end of the thread. */
  marks: Int32Array
}

/**
 * Places in `marks`: the last call that has begun; the call that ended the thread, or 0; and 1 when
 * the thread may begin no more calls; the id of the thread for the system, or 0.
 */
export const begunAt = 0
export const culpritAt = 1
export const closedAt = 2
export const threadIdAt = 3
export const markCount = 4

/** The reply of a closed thread to a call. */
export const withdrawn = 'withdrawn'

/** The place of a tool. `config` is JSON. */
export type ToolPlace = { capabilityId: string; config: string; tool: string }

export type SentCall = ToolPlace & {
  call: number
  input: Record<string, unknown>
  context: SentContext
  /** Only validates the input, by the tool's own parser. */
  parses?: true
}

/** A message about a call. */
export type OfCall<T> = T & { call: number }
