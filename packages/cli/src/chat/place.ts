import type { Event, NewMessage, Outlast, Resume, Session } from '@outlast/sdk'
import { historyChanged, reportConnection } from '../core/connection.ts'
import { createConsents, type Responder } from './consents.ts'

/** The session that is talked in. */
export type SessionFollower = ReturnType<typeof createPlace>

/** Shows a session to the user. */
export type Surface = Responder & {
  /** Shows an event, if any, and the prompt if the user may type. */
  show: (event?: Event) => void
  passing: (text?: string) => void
  say: (text: string) => void
  /** `isOver`: the session is followed no more. */
  fail: (error: unknown, isOver: boolean) => void
}

type Talk = { outlast: Outlast; session: Session; after_sequence: number }

/** Follows a session from an event on, and sends typed messages to it. */
export function createPlace(
  { outlast, session, after_sequence }: Talk,
  { show, passing, say, fail, approve, answer }: Surface,
) {
  const { id } = session
  const over = new AbortController()
  /** Ids of messages typed here, which are already on the screen. */
  const typed = new Set<string>()
  const sending = new Set<Promise<unknown>>()
  // Stored turns end like live ones, with an event.
  let isRunning = session.status !== 'started'
  let isCancelling = false
  const consents = createConsents(
    { outlast, sessionId: id },
    { approve, answer, say: (error) => fail(error, false) },
  )

  async function take(event: Event): Promise<void> {
    if (event.type === 'input.message') {
      await Promise.allSettled(sending)
      if (typed.delete(event.data.message.id)) return
    }
    if (event.type === 'session.activated') isRunning = true
    if (event.type === 'session.idled') isRunning = isCancelling = false
    show(event)
    consents.take(event)
  }

  function stands({ status }: Session): void {
    isRunning = status === 'active'
    isCancelling &&= isRunning
    show()
  }

  async function read(): Promise<void> {
    const onConnection = reportConnection({
      notify: say,
      change(isOpen) {
        passing(isOpen ? undefined : 'reconnecting…')
        if (isOpen) show()
      },
    })
    const onHistoryChanged = (resume: Resume) => {
      say(historyChanged(resume))
      const read = outlast.sessions.get(id, { signal: over.signal })
      read.then(stands, () => {})
    }
    const options = { after_sequence, signal: over.signal, onConnection, onHistoryChanged }
    for await (const event of outlast.session(id).events(options)) await take(event)
  }

  read().catch((error) => {
    if (over.signal.aborted) return
    isRunning = false
    fail(error, true)
  })

  return {
    id,
    isRunning: () => isRunning,
    isCancelling: () => isCancelling,
    /** Contract: throws the error of the request. The message is then probably not stored. */
    async send(message: NewMessage, signal: AbortSignal) {
      const wasRunning = isRunning
      isRunning = true
      const sent = outlast.messages.create(id, message, { signal })
      sending.add(sent)
      try {
        typed.add((await sent).id)
      } catch (error) {
        isRunning = wasRunning
        throw error
      } finally {
        sending.delete(sent)
      }
    },
    cancel() {
      isCancelling = true
      passing('cancelling…')
      outlast.sessions.cancelTurn(id).catch((error) => {
        isCancelling = false
        fail(error, false)
      })
    },
    askAgain: () => consents.again(),
    close() {
      over.abort()
      consents.end()
    },
  }
}
