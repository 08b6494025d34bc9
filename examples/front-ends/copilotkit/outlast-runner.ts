import { EventType, type HttpAgent } from '@ag-ui/client'
import type { AgentRunner } from '@copilotkit/runtime/v2'
import { concat, EMPTY, from, mergeMap, of } from 'rxjs'

/**
 * Reads threads from the log of their sessions, so that they survive a restart of the runtime. The
 * runner of CopilotKit keeps them in memory, those of all users together.
 */
export function outlastRunner(
  open: () => Promise<HttpAgent>,
  cancel: (threadId: string) => Promise<boolean>,
): AgentRunner {
  async function read(threadId: string) {
    const agent = await open()
    const query = new URLSearchParams({ threadId, format: 'ag-ui' })
    const response = await fetch(`${agent.url}?${query}`, { headers: agent.headers })
    if (!response.ok) throw new Error(`Reading the thread failed with ${response.status}.`)
    return { agent, threadId, thread: await response.json() }
  }

  /** The messages of a thread as a run of their own, and then the run that is still active. */
  function replay({ agent, threadId, thread }: Awaited<ReturnType<typeof read>>) {
    const { messages, activeRun, interrupts } = thread
    const runId: string = interrupts?.runId ?? 'history'
    const outcome = interrupts && { type: 'interrupt', interrupts: interrupts.pending }
    const history = of(
      { type: EventType.RUN_STARTED, threadId, runId },
      { type: EventType.MESSAGES_SNAPSHOT, messages },
      { type: EventType.RUN_FINISHED, threadId, runId, ...(outcome && { outcome }) },
    )
    const input = { threadId, messages: [], tools: [], context: [], state: {}, forwardedProps: {} }
    const active = activeRun ? agent.run({ ...input, runId: activeRun.runId }) : EMPTY
    return messages.length > 0 ? concat(history, active) : active
  }

  return {
    run: ({ agent, input }) => agent.run(input),
    connect: ({ threadId }) => from(read(threadId)).pipe(mergeMap(replay)),
    isRunning: async ({ threadId }) => (await read(threadId)).thread.activeRun !== null,
    stop: ({ threadId }) => cancel(threadId),
  }
}
