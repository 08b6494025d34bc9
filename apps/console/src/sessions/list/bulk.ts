import { isOutlastError } from '@outlast/sdk'
import { outlast } from '../../client.ts'

const atOnce = 6

/** An action on each of the selected sessions. */
export type BulkAction = {
  /** The question, with the words for the sessions. */
  title: (sessions: string) => string
  about: (isOne: boolean) => string
  verb: (isOne: boolean) => string
  /** What was done, as in `3 of 4 sessions deleted`. */
  done: string
  color?: 'red'
  act: (id: string) => Promise<unknown>
  /** Error code of a session that has nothing to do. */
  nothing?: Parameters<typeof isOutlastError>[1]
}

const plural = (isOne: boolean) => (isOne ? 'session' : 'sessions')

export const bulkActions = {
  cancel: {
    title: (sessions) => `Cancel the turns of ${sessions}?`,
    about: () => 'Running turns end with the text that they have so far. Other sessions stay.',
    verb: () => 'Cancel turns',
    done: 'canceled',
    act: (id) => outlast.sessions.cancelTurn(id),
  },
  retry: {
    title: (sessions) => `Retry ${sessions}?`,
    about: () => 'Failed turns run again. Sessions without a failed turn stay as they are.',
    verb: () => 'Retry failed turns',
    done: 'retried',
    act: (id) => outlast.sessions.retry(id),
    nothing: 'turn_not_failed',
  },
  delete: {
    title: (sessions) => `Delete ${sessions}?`,
    about: (isOne) =>
      `${isOne ? 'Its' : 'Their'} messages, events and files are deleted, and running turns are stopped. This cannot be undone.`,
    verb: (isOne) => `Delete ${plural(isOne)}`,
    done: 'deleted',
    color: 'red',
    act: (id) => outlast.sessions.delete(id),
    nothing: 'not_found',
  },
} as const satisfies Record<string, BulkAction>

/** Adds a tag to each of the selected sessions. */
export const tagAction = (tag: string): BulkAction => ({
  title: (sessions) => `Tag ${sessions}?`,
  about: () => 'The tag is added to those that the sessions have.',
  verb: (isOne) => `Tag ${plural(isOne)}`,
  done: 'tagged',
  async act(id) {
    const { tags } = await outlast.sessions.get(id)
    if (!tags.includes(tag)) await outlast.sessions.update(id, { tags: [...tags, tag] })
  },
})

type Running = { signal: AbortSignal; onDone: (id: string) => void }

/** The errors of a bulk action by their text, and how often each occurred. */
export type BulkResult = { isWhole: boolean; errors: ReadonlyMap<string, number> }

/**
 * Acts on sessions, 6 at a time. A session with nothing to do counts as done. After an abort it
 * waits for pending requests, so that the count is exact.
 */
export async function actOnAll(
  ids: readonly string[],
  { act, nothing }: BulkAction,
  { signal, onDone, sentenceOf }: Running & { sentenceOf: (error: unknown) => string },
): Promise<BulkResult> {
  const rest = ids.values()
  const errors = new Map<string, number>()
  let done = 0
  async function work() {
    for (const id of rest) {
      if (signal.aborted) return
      try {
        await act(id)
      } catch (caught) {
        if (nothing === undefined || !isOutlastError(caught, nothing)) {
          const text = sentenceOf(caught)
          errors.set(text, (errors.get(text) ?? 0) + 1)
          // Without a connection, all other requests fail as well.
          if (isOutlastError(caught) && caught.status === 0) return
          continue
        }
      }
      done += 1
      onDone(id)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return { isWhole: done === ids.length, errors }
}
