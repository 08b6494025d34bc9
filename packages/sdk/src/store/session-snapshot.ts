import type { TokenUsage } from '@outlast/contract'
import { isOutlastError } from '../http/error.ts'
import {
  itemsOf,
  type ToolCallItem,
  type TranscriptItem,
  type UserMessage,
} from '../turns/transcript-items.ts'
import type { BudgetNotice, FoldedState } from './store-log.ts'

/** What the running turn waits for. */
export type SessionWaiting = {
  /** Calls that need an approval. */
  approvals: readonly ToolCallItem[]
  /** Calls of client tools that this store does not run. */
  tools: readonly ToolCallItem[]
  /** Calls with questions to a person. */
  inputs: readonly ToolCallItem[]
  /** The budget that the next model call does not fit into. */
  budget: BudgetNotice | undefined
}

/** The state of a session at one moment. Objects that have not changed stay the same. */
export type SessionSnapshot = {
  /**
   * Undefined before the session exists. It changes with `retake`, and when the session of a key is
   * deleted.
   */
  sessionId: string | undefined
  items: readonly TranscriptItem[]
  /**
   * `loading`: no events yet. `waiting`: for a person, another program or a budget. `error`: the
   * latest turn failed, or the session cannot be read; see `error`.
   */
  status: 'loading' | 'idle' | 'running' | 'waiting' | 'error'
  /** `lost` while the server is unreachable. The store reconnects. */
  connection: 'open' | 'lost'
  waiting: SessionWaiting
  /** Tokens and cost of the session when it was last idle. */
  usage: TokenUsage | undefined
  /**
   * The failure of the latest turn, the error that ended the stream, or the limit that a message
   * waits for.
   */
  error: Error | undefined
  /** True if `loadEarlier` has more to load. */
  hasEarlier: boolean
}

const noWaiting: SessionWaiting = { approvals: [], tools: [], inputs: [], budget: undefined }

/** The state without a session, also of pages that a server renders. */
export const emptySnapshot: SessionSnapshot = {
  sessionId: undefined,
  items: [],
  status: 'loading',
  connection: 'open',
  waiting: noWaiting,
  usage: undefined,
  error: undefined,
  hasEarlier: false,
}

/** The parts of a store that determine its snapshot. */
export type SnapshotParts = Pick<SessionSnapshot, 'sessionId' | 'connection' | 'hasEarlier'> & {
  folded: FoldedState
  /** Messages that are not in the log yet, in order. */
  pending: readonly UserMessage[]
  isLoaded: boolean
  /** A retake continues the conversation in another session, which is not loaded yet. */
  isMoving: boolean
  /** The error that ended the stream, or of a client tool. */
  error: Error | undefined
  /** The limit that a call waits for. */
  refusal: Error | undefined
  runsTool: (name: string) => boolean
}

/** Contract: pure. Equal parts of the previous snapshot stay the same objects. */
export function nextSnapshot(before: SessionSnapshot, parts: SnapshotParts): SessionSnapshot {
  const { folded, pending, sessionId, connection, hasEarlier } = parts
  const waiting = waitingOf(before.waiting, parts)
  const error = parts.error ?? parts.refusal ?? folded.failure
  const next: SessionSnapshot = {
    sessionId,
    items: sameList(before.items, itemsOf(folded.transcript).concat(pending)),
    status: statusOf(parts, waiting),
    connection,
    waiting,
    usage: folded.transcript.usage,
    error,
    hasEarlier,
  }
  return sameOr(before, next)
}

function waitingOf(before: SessionWaiting, { folded, runsTool }: SnapshotParts): SessionWaiting {
  const calls = folded.transcript.waitingFor
  const isApproval = ({ approval }: ToolCallItem) => approval?.state === 'requested'
  const isTool = ({ isForClient, name }: ToolCallItem) => isForClient && !runsTool(name)
  return sameOr(before, {
    approvals: sameList(before.approvals, calls.filter(isApproval)),
    tools: sameList(before.tools, calls.filter(isTool)),
    inputs: sameList(
      before.inputs,
      calls.filter(({ questions }) => questions !== undefined),
    ),
    budget: folded.budget,
  })
}

function statusOf(parts: SnapshotParts, waiting: SessionWaiting): SessionSnapshot['status'] {
  const { folded, pending, isLoaded, isMoving, error } = parts
  if (error) return 'error'
  if (pending.length > 0 || isMoving) return 'running'
  if (!isLoaded) return 'loading'
  if (isWaiting(waiting)) return 'waiting'
  if (folded.transcript.status === 'active') return 'running'
  return folded.failure ? 'error' : 'idle'
}

const isWaiting = ({ approvals, tools, inputs, budget }: SessionWaiting) =>
  approvals.length + tools.length + inputs.length > 0 || budget !== undefined

/** Returns `before` if all properties are the same. */
const sameOr = <T extends object>(before: T, next: T): T =>
  (Object.keys(next) as (keyof T)[]).every((name) => before[name] === next[name]) ? before : next

const sameList = <T>(before: readonly T[], next: readonly T[]): readonly T[] =>
  before.length === next.length && before.every((item, at) => item === next[at]) ? before : next

/** Converts what was thrown. */
export const errorFrom = (thrown: unknown): Error =>
  thrown instanceof Error || isOutlastError(thrown) ? (thrown as Error) : new Error(String(thrown))
