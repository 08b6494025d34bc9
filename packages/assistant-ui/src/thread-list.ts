import type { useRemoteThreadListRuntime } from '@assistant-ui/react'
import { isOutlastError, type Session, type SessionClient } from '@outlast/sdk'

type ThreadListAdapter = Parameters<typeof useRemoteThreadListRuntime>[0]['adapter']

/** The sessions that are threads. */
export type ThreadOwner = { agentId: string; user?: string | undefined }

const pageSize = 50
const titleMax = 80
/** Tag of the sessions that a person archived. */
const archivedTag = 'archived'

/** Creates the list of threads: the sessions of an agent and an end user. */
export function createThreadList(
  { sessions }: SessionClient,
  { agentId, user }: ThreadOwner,
): ThreadListAdapter {
  /** Number of refusals by thread. The server would return the last one for its key. */
  const refused = new Map<string, number>()
  const owner = { agent_id: agentId, ...(user !== undefined && { user }) }

  /** Returns the session in which the conversation of a thread continues. */
  async function currentOf(threadId: string): Promise<Session> {
    const session = await sessions.get(threadId)
    return session.superseded_by === null ? session : currentOf(session.superseded_by)
  }

  async function setArchived(threadId: string, isArchived: boolean): Promise<void> {
    const { id, tags } = await currentOf(threadId)
    const others = tags.filter((tag) => tag !== archivedTag)
    await sessions.update(id, { tags: isArchived ? [...others, archivedTag] : others })
  }

  return {
    async list({ after = '0' } = {}) {
      const offset = Number(after)
      const { data, total } = await sessions.list({ ...owner, limit: pageSize, offset })
      const end = offset + data.length
      // A conversation that was retaken continues in another session.
      const threads = data.filter(({ superseded_by }) => superseded_by === null).map(threadOf)
      return { threads, ...(end < total && data.length > 0 && { nextCursor: String(end) }) }
    },
    fetch: async (remoteId) => ({ ...threadOf(await currentOf(remoteId)), remoteId }),
    async initialize(threadId) {
      // Two requests for a new thread create one session.
      const refusals = refused.get(threadId) ?? 0
      const idempotencyKey = `assistant-ui:${threadId}${refusals > 0 ? `:${refusals}` : ''}`
      const { id } = await sessions.create(owner, { idempotencyKey }).catch((error) => {
        if (isStoredRefusal(error)) refused.set(threadId, refusals + 1)
        throw error
      })
      return { remoteId: id }
    },
    async rename(threadId, title) {
      const { id } = await currentOf(threadId)
      await sessions.update(id, { title })
    },
    archive: (id) => setArchived(id, true),
    unarchive: (id) => setArchived(id, false),
    delete: async (threadId) => sessions.delete((await currentOf(threadId)).id),
    /** The title is the beginning of the first message, as in the list of sessions. */
    async generateTitle(_id, messages) {
      const [part] = messages.find(({ role }) => role === 'user')?.content ?? []
      return titleStream(part?.type === 'text' ? part.text.slice(0, titleMax) : '')
    },
  }
}

/** Tests whether the server returns this refusal to each later request with the same key. */
const isStoredRefusal = (error: unknown) =>
  isOutlastError(error) &&
  error.status >= 400 &&
  error.status < 500 &&
  ![401, 408, 429].includes(error.status) &&
  error.code !== 'idempotency_in_progress'

function threadOf({ id, title, preview, tags, updated_at }: Session) {
  const status = tags.includes(archivedTag) ? ('archived' as const) : ('regular' as const)
  const shown = title ?? preview?.slice(0, titleMax)
  const lastMessageAt = new Date(updated_at)
  return { status, remoteId: id, lastMessageAt, ...(shown && { title: shown }) }
}

type TitleStream = Awaited<ReturnType<ThreadListAdapter['generateTitle']>>

/** Returns a stream that writes a text. */
function titleStream(text: string): TitleStream {
  const part = { type: 'text' as const }
  return new ReadableStream({
    start(controller) {
      controller.enqueue({ type: 'part-start', part, path: [] })
      controller.enqueue({ type: 'text-delta', textDelta: text, path: [0] })
      controller.enqueue({ type: 'part-finish', path: [0] })
      controller.close()
    },
  }) as TitleStream
}
