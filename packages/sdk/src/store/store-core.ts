import type { NewSession } from '@outlast/contract'
import { isOutlastError, type OutlastError } from '../http/error.ts'
import { newKey } from '../http/http.ts'
import { backoff, isTemporary, pause, retryAfterMsMax } from '../http/retry.ts'
import { sharedRun } from '../http/shared-run.ts'
import type { ClientTool } from '../turns/client-tool.ts'
import type { UserMessage } from '../turns/transcript-items.ts'
import type { SessionClient } from './session-client.ts'
import { emptySnapshot, errorFrom, nextSnapshot, type SessionSnapshot } from './session-snapshot.ts'
import { createSessionLog, type SessionLog } from './store-log.ts'

/**
 * The session of a store: an existing one by `sessionId`; the session of `agentId` with this `key`,
 * which is found or created when the store is first used; or a new session of `agentId`, which the
 * first message creates.
 */
export type SessionTarget = {
  sessionId?: string | undefined
  agentId?: string | undefined
  key?: string | undefined
  /** Settings of a session that the store creates. */
  create?: Omit<NewSession, 'agent_id' | 'agent_name' | 'key'> | undefined
  /** Number of events that are loaded at first, and with each `loadEarlier`. Default: 500. */
  pageSize?: number | undefined
}

/** The state that the parts of a session store share. */
export type StoreCore = ReturnType<typeof createPublisher> & {
  readonly outlast: SessionClient
  readonly target: SessionTarget
  sessionId: string | undefined
  log: SessionLog
  /** Messages that the log does not have yet, in order. */
  pending: readonly UserMessage[]
  isLoaded: boolean
  isMoving: boolean
  hasEarlier: boolean
  connection: SessionSnapshot['connection']
  /** The error that ended the stream, or of the result of a client tool. */
  error: Error | undefined
  /** The limit that a call waits for, which is repeated. */
  refusal: Error | undefined
  readonly toolSources: Set<() => readonly ClientTool[]>
  toolNamed: (name: string) => ClientTool | undefined
  /** Returns the id of the session, which is created if it does not exist. */
  openSession: () => Promise<string>
}

/** Minimum interval of notifications in ms, so that a fast stream renders once per frame. */
const frameMs = 16
/** Hours of retries, after which a message is given up. */
const attemptsMax = 1_000
const backoffMs = { first: 250, most: 8_000 }

export function createStoreCore(outlast: SessionClient, target: SessionTarget): StoreCore {
  const toolSources: StoreCore['toolSources'] = new Set()
  const core: StoreCore = {
    ...createPublisher((before) => snapshotOf(core, before)),
    outlast,
    target,
    sessionId: target.sessionId,
    log: createSessionLog(),
    pending: [],
    isLoaded: false,
    isMoving: false,
    hasEarlier: false,
    connection: 'open',
    error: undefined,
    refusal: undefined,
    toolSources,
    toolNamed: (name) => {
      const tools = [...toolSources].flatMap((source) => source())
      return tools.find(({ definition }) => definition.name === name)
    },
    openSession: createOpener(() => core),
  }
  core.publish()
  return core
}

/**
 * Contract: several calls create one session, also if a response is lost. A call after a refusal,
 * or after the deletion of the session, asks again. Without a subscriber and a message, nothing is
 * sent.
 */
function createOpener(coreOf: () => StoreCore) {
  let idempotencyKey = newKey()
  const create = sharedRun(async () => {
    const core = coreOf()
    const { agentId, key, create: settings } = core.target
    const body = { ...settings, ...(agentId && { agent_id: agentId }), ...(key && { key }) }
    const options = { idempotencyKey, retriesMax: 0 }
    const request = async () => {
      if (core.listeners.size === 0 && core.pending.length === 0) throw unused()
      return core.outlast.sessions.create(body, options)
    }
    const { id } = await persist(core, request).catch((error) => {
      if (isStoredRefusal(error)) idempotencyKey = newKey()
      throw error
    })
    idempotencyKey = newKey()
    core.sessionId ??= id
    return core.sessionId
  })
  return async () => coreOf().sessionId ?? create()
}

/** The key by which a store finds its session; undefined for a store without one. */
export const targetKey = ({ target: { key, sessionId } }: StoreCore) =>
  sessionId === undefined ? key : undefined

const unused = () => new DOMException('No view uses the session.', 'AbortError')

/**
 * Tests whether the server refused a request, and so returns the same response to each later one
 * with its idempotency key. It stores no response to a request without authentication.
 */
const isStoredRefusal = (error: unknown) =>
  isOutlastError(error) &&
  error.status >= 400 &&
  error.status < 500 &&
  error.status !== 401 &&
  !isTemporary(error)

const snapshotOf = (core: StoreCore, before: SessionSnapshot): SessionSnapshot =>
  nextSnapshot(before, {
    ...core,
    // Nothing can be loaded before the first message.
    isLoaded: core.isLoaded || (core.sessionId ?? core.target.key) === undefined,
    folded: core.log.state(),
    runsTool: (name) => core.toolNamed(name) !== undefined,
  })

/** Creates the current snapshot of a store and its listeners. */
function createPublisher(read: (before: SessionSnapshot) => SessionSnapshot) {
  const listeners = new Set<() => void>()
  let snapshot = emptySnapshot
  let timer: ReturnType<typeof setTimeout> | undefined
  let publishedAt = Number.NEGATIVE_INFINITY

  /** Publishes all changes now. */
  function publish() {
    clearTimeout(timer)
    timer = undefined
    publishedAt = performance.now()
    const next = read(snapshot)
    if (next === snapshot) return
    snapshot = next
    for (const listener of [...listeners]) listener()
  }

  return {
    listeners,
    snapshot: () => snapshot,
    publish,
    /** Publishes a change now, or soon after the previous one. */
    changed() {
      const waitMs = publishedAt + frameMs - performance.now()
      if (waitMs <= 0) publish()
      else timer ??= setTimeout(publish, waitMs)
    },
  }
}

/**
 * Repeats a call while the server is unreachable or a limit refuses it, and reports that.
 * Contract: rejects with an error that a retry cannot fix.
 */
export async function persist<T>(
  core: StoreCore,
  call: () => PromiseLike<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const result = await call()
      setConnection(core)
      return result
    } catch (error) {
      core.refusal = undefined
      const isOver = signal?.aborted || !isTemporary(error) || attempt >= attemptsMax
      if (isOver) throw errorFrom(error)
      const temporary = error as OutlastError
      setConnection(core, temporary)
      const asked = Math.min(temporary.retryAfterMs ?? 0, retryAfterMsMax)
      await pause(Math.max(asked, backoff(attempt, backoffMs)), signal)
    }
  }
}

/** Reports the outcome of a request. `error`: the failure of a request that is retried. */
export function setConnection(core: StoreCore, error?: OutlastError) {
  const { status = 0, code } = error ?? {}
  const isLost = error && (status === 0 || status >= 500 || code === 'not_outlast')
  core.refusal = status === 429 ? error : undefined
  core.connection = isLost ? 'lost' : 'open'
  core.changed()
}
