import type { Approval, Event, QuestionAnswers, ToolResults } from '@outlast/contract'
import { OutlastError } from '../http/error.ts'
import { sharedRun } from '../http/shared-run.ts'
import type { ClientTool } from '../turns/client-tool.ts'
import { type Content, partsOf } from '../turns/session.ts'
import type { SessionClient } from './session-client.ts'
import { emptySnapshot, type SessionSnapshot } from './session-snapshot.ts'
import { createStoreCore, type SessionTarget, type StoreCore } from './store-core.ts'
import { createFollower, type Follower, readEvents } from './store-follow.ts'
import { createSender } from './store-sending.ts'

export type SessionStoreOptions = SessionTarget & {
  outlast: SessionClient
  /** Tools that run in this program, each call once. */
  tools?: readonly ClientTool[]
}

/** A session for a user interface: its state, and the actions of a person. */
export type SessionStore = ReturnType<typeof createSessionStore>

/** The actions of a session store. */
export type SessionActions = ReturnType<typeof actionsOf>

/**
 * Creates a store of a session for a user interface of any framework. `subscribe` and `getSnapshot`
 * have the form of `useSyncExternalStore`.
 * Contract: one stream for all subscribers and all messages, from the first subscriber to the last,
 * or until the tools that run then have ended.
 * It sends nothing before the first subscriber or action. Snapshots change only when the session
 * does, at most once per frame, and unchanged items stay the same objects.
 *
 * ```ts
 * import { createOutlast, createSessionStore } from '@outlast/sdk'
 *
 * const outlast = createOutlast({ url: 'http://localhost:9000' })
 * const agent = await outlast.agents.create({ name: 'Ada', system_prompt: 'You are helpful.' })
 * const store = createSessionStore({ outlast, agentId: agent.id })
 * const unsubscribe = store.subscribe(() => {
 *   const { status, items } = store.getSnapshot()
 *   console.log(status, items.length)
 *   if (status === 'idle' && items.length > 1) unsubscribe()
 * })
 * await store.send('Hello!')
 * ```
 */
export function createSessionStore({ outlast, tools, ...target }: SessionStoreOptions) {
  const core = createStoreCore(outlast, target)
  if (tools) core.toolSources.add(() => tools)
  const eventListeners = new Set<(event: Event) => void>()
  const follower = createFollower(core, (event) => {
    for (const listener of [...eventListeners]) {
      try {
        listener(event)
      } catch (error) {
        if ('document' in globalThis) {
          queueMicrotask(() => {
            throw error
          })
        } else console.error(error)
      }
    }
  })
  const actions = actionsOf(core, follower)

  return {
    target,
    subscribe(listener: () => void): () => void {
      const remove = addTo(core.listeners, listener)
      follower.start()
      return () => {
        remove()
        // A view that is replaced at once, as in strict mode, keeps the connection.
        setTimeout(follower.stopUnused)
      }
    },
    isInUse: () => core.listeners.size > 0,
    getSnapshot: core.snapshot,
    /** Returns the state of a page that a server renders. */
    getServerSnapshot: (): SessionSnapshot => emptySnapshot,
    /**
     * Calls `listener` with each new event, stored or live, but not with loaded ones.
     * Contract: an error of the listener does not end the stream. In a page it is an uncaught
     * error, elsewhere, where that would end the process, it is printed with `console.error`.
     */
    onEvent: (listener: (event: Event) => void) => addTo(eventListeners, listener),
    /** Adds tools that run in this program, until the returned function is called. */
    addTools(source: () => readonly ClientTool[]): () => void {
      const remove = addTo(core.toolSources, source)
      follower.start()
      core.changed()
      return () => {
        remove()
        core.changed()
      }
    },
    /** The same functions as those of the store itself. */
    actions,
    ...actions,
  }
}

function addTo<T>(set: Set<T>, value: T): () => void {
  set.add(value)
  return () => set.delete(value)
}

function actionsOf(core: StoreCore, follower: Follower) {
  const { sessions } = core.outlast
  return {
    /**
     * Sends a message. It is shown at once, and resolves when the server has stored it.
     * Contract: sent once, also if the connection is lost meanwhile; in the order of the calls.
     */
    send: createSender(core, follower),
    /** Approves a call. `approval_not_pending` if another client was faster. */
    approve: async (toolCallId: string, options: Omit<Approval, 'decision' | 'reason'> = {}) =>
      sessions.decideToolCall(idOf(core), toolCallId, { decision: 'approve', ...options }),
    /** Denies a call. The model receives the reason. */
    deny: async (toolCallId: string, options: Pick<Approval, 'reason' | 'always'> = {}) =>
      sessions.decideToolCall(idOf(core), toolCallId, { decision: 'deny', ...options }),
    /** Answers or declines questions. `question_not_waiting` if another client was faster. */
    answer: async (answers: QuestionAnswers) => sessions.answerQuestions(idOf(core), answers),
    /** Submits the result of a client tool that no tool of this program runs. */
    submitToolResult: async (toolCallId: string, outcome: ToolOutcome) =>
      sessions.submitToolResults(idOf(core), {
        tool_results: [{ tool_call_id: toolCallId, ...outcome }],
      }),
    /** Cancels the running turn. */
    cancel: async () => sessions.cancelTurn(idOf(core)),
    /** Retries the latest turn, which failed. */
    retry: async () => sessions.retry(idOf(core)),
    /**
     * Sends a message of a user again, or `content` in its place. The conversation continues from
     * there in another session, which takes the key. `session_not_idle` while a turn runs.
     */
    async retake(messageId: string, content?: string | Content) {
      const message = content === undefined ? {} : { message: { content: partsOf(content) } }
      const body = { message_id: messageId, ...message }
      const { session } = await sessions.retake(idOf(core), body)
      follower.stop()
      Object.assign(core, { sessionId: session.id, isLoaded: false, isMoving: true })
      core.publish()
      follower.start()
      return session
    },
    /** Loads the items before the first one. `hasEarlier` shows whether there are more. */
    loadEarlier: createEarlierLoader(core),
  }
}

type ToolOutcome = Omit<ToolResults['tool_results'][number], 'tool_call_id'>

function idOf({ sessionId }: StoreCore): string {
  if (sessionId !== undefined) return sessionId
  throw new OutlastError('not_found', 'The session does not exist yet. Send a message first.')
}

/** Contract: several calls at the same time load one page. */
function createEarlierLoader(core: StoreCore) {
  const load = sharedRun(async () => {
    const { log } = core
    const first = log.events().find(({ sequence }) => sequence !== undefined)
    if (!core.hasEarlier || !first) return
    const { events, hasEarlier } = await readEvents(core, undefined, first.sequence)
    if (core.log !== log) return
    log.prepend(events)
    core.hasEarlier = hasEarlier
  })
  // The run has ended before listeners hear of the page, which may ask for the next one at once.
  return (): Promise<void> => load().finally(core.publish)
}
