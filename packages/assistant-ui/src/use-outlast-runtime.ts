import {
  type AppendMessage,
  type AssistantRuntime,
  useAui,
  useAuiState,
  useExternalStoreRuntime,
  useRemoteThreadListRuntime,
} from '@assistant-ui/react'
import { type OutlastSession, type UseOutlastOptions, useClient, useOutlast } from '@outlast/react'
import { type SessionClient, sharedSessionStore } from '@outlast/sdk'
import { useEffect, useMemo, useRef } from 'react'
import { respond } from './answers.ts'
import { groupsOf, type MessageGroup, messageOf } from './messages.ts'
import { createThreadList, type ThreadOwner } from './thread-list.ts'

/** A client or an address and a token, the agent, and the end user whose sessions are threads. */
export type OutlastRuntimeOptions = ThreadOwner &
  Pick<UseOutlastOptions, 'outlast' | 'url' | 'token' | 'tools' | 'onEvent'>

/**
 * Creates a runtime of assistant-ui whose threads are the sessions of an agent and an end user.
 * With a token of an end user, `user` is not needed.
 */
export function useOutlastRuntime(options: OutlastRuntimeOptions): AssistantRuntime {
  const { agentId, user } = options
  const outlast = useClient(options as UseOutlastOptions)
  const adapter = useMemo(
    () => createThreadList(outlast, { agentId, user }),
    [outlast, agentId, user],
  )
  /** Sessions in which retaken conversations continue, by the id of the thread. */
  const moved = useRef(new Map<string, string>())
  const thread = { ...options, outlast }
  // assistant-ui calls it in a component of each thread.
  const runtimeHook = useThreadRuntime.bind(undefined, thread, moved.current)
  return useRemoteThreadListRuntime({ adapter, runtimeHook })
}

type ThreadOptions = OutlastRuntimeOptions & { outlast: SessionClient }

function useThreadRuntime(options: ThreadOptions, moved: Map<string, string>): AssistantRuntime {
  const { outlast, agentId, tools, onEvent } = options
  const aui = useAui()
  const threadId = useAuiState(({ threadListItem }) => threadListItem.remoteId)
  const sessionId = threadId === undefined ? undefined : (moved.get(threadId) ?? threadId)
  const session = useOutlast({
    outlast,
    ...(sessionId === undefined ? { agentId } : { sessionId }),
    ...(tools && { tools }),
    ...(onEvent && { onEvent }),
  })
  useEffect(() => {
    if (threadId !== undefined && session.sessionId !== undefined)
      moved.set(threadId, session.sessionId)
  }, [moved, threadId, session.sessionId])
  const messages = useGroups(session)
  return useExternalStoreRuntime<MessageGroup>({
    messages,
    convertMessage: messageOf,
    isRunning: session.status === 'running' || session.status === 'waiting',
    isLoading: session.status === 'loading' && sessionId !== undefined,
    hasEarlier: session.hasEarlier,
    onLoadEarlier: session.loadEarlier,
    async onNew(message) {
      const { remoteId } = await aui.threadListItem().initialize()
      const id = moved.get(remoteId) ?? remoteId
      await sharedSessionStore({ outlast, sessionId: id }).send(contentOf(message))
    },
    async onEdit(message) {
      await session.retake(message.sourceId ?? message.parentId!, contentOf(message))
    },
    async onReload(parentId) {
      const asked = messages.find(({ id }) => id === parentId) ?? messages.findLast(isQuestion)
      if (asked) await session.retake(asked.id)
    },
    onCancel: async () => void (await session.cancel()),
    async onAddToolResult({ toolCallId, result, isError }) {
      const outcome = isError ? { error: textOfResult(result) } : { result }
      await session.submitToolResult(toolCallId, outcome)
    },
    onRespondToToolApproval: (answer) => respond(session, answer),
  })
}

const isQuestion = ({ role }: MessageGroup) => role === 'user'

function useGroups({ items }: OutlastSession): readonly MessageGroup[] {
  const before = useRef<readonly MessageGroup[]>([])
  return useMemo(() => {
    before.current = groupsOf(items, before.current)
    return before.current
  }, [items])
}

const textOfResult = (result: unknown) =>
  typeof result === 'string' ? result : JSON.stringify(result)

type Content = Exclude<Parameters<OutlastSession['send']>[0], string>

/** Texts and images of a message, attachments included. */
function contentOf({ content, attachments = [] }: AppendMessage): Content {
  const parts = [...content, ...attachments.flatMap(({ content }) => content)]
  return parts.flatMap((part): Content => {
    if (part.type === 'text') return [{ type: 'text', text: part.text }]
    if (part.type !== 'image') return []
    const inline = /^data:([^;,]+);base64,(.*)$/s.exec(part.image)
    if (!inline) return [{ type: 'image', url: part.image }]
    return [{ type: 'image', media_type: inline[1]!, base64: inline[2]! }]
  })
}
