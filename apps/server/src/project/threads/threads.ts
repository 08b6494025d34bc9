import type { Project } from '../../authoring/project.ts'
import {
  asResult,
  CallInterruptedError,
  type Capability,
  type Parsed,
  type SerializedResult,
  type Tool,
  type ToolContext,
} from '../../capabilities/capability.ts'
import { CutOffError, NotBegunError, type ThreadCall } from './calls.ts'
import type { ToolPlace } from './messages.ts'
import { createThreadPool, type ThreadPool } from './thread-pool.ts'
import type { ThreadOptions } from './worker.ts'

export type Threads = Pick<ThreadPool, 'warmUp' | 'stop'> & {
  /** Returns the project with tools that run in a thread. */
  wrap: <T extends Project>(project: T) => T
}

const repeatsMax = 1

/**
 * Runs the tools of a project in a thread of this process, so that a tool that blocks or ends its
 * thread leaves the server and other sessions alone.
 */
export function createThreads(options: Omit<ThreadOptions, 'onEnd'>): Threads {
  const pool = createThreadPool(options)

  async function run<T>(tool: Tool, call: ThreadCall): Promise<T> {
    const { signal } = call.context
    for (let repeats = 0; ; ) {
      const thread = await pool.take(signal)
      try {
        return await thread.run<T>(call)
      } catch (error) {
        const hasLeft = error instanceof NotBegunError
        if (!hasLeft && !(error instanceof CutOffError)) throw error
        signal.throwIfAborted()
        if (hasLeft) continue
        if (repeats >= repeatsMax || !mayRepeat(call.parses ? 'safe' : tool.replay, error)) {
          throw new CallInterruptedError(error.hasChangedFiles)
        }
        repeats += 1
      }
    }
  }

  function wrapCapability(capability: Capability): Capability {
    const { id: capabilityId } = capability
    return {
      ...capability,
      tools(given) {
        const config = JSON.stringify(given)
        return capability.tools(given).map((tool) => wrapTool(tool, { capabilityId, config }))
      },
    }
  }

  /** The tool with the arguments and the result as JSON: its thread converts them. */
  function wrapTool(tool: Tool, of: Omit<ToolPlace, 'tool'>): Tool {
    const { parse, output } = tool
    const place = { ...of, tool: tool.name }
    return {
      ...tool,
      ...(parse && {
        async parse(value, signal) {
          const context = { signal } as ToolContext
          const call = { ...place, input: value as Record<string, unknown>, context }
          const parsed = await run<Parsed>(tool, { ...call, parses: true })
          return 'problems' in parsed ? parsed : { value }
        },
      }),
      ...(output && { output: { ...output, parse: async (value) => ({ value }) } }),
      run: async (input, context) =>
        asResult(await run<SerializedResult>(tool, { ...place, input, context })),
    }
  }

  return {
    wrap: (project) => ({ ...project, capabilities: project.capabilities.map(wrapCapability) }),
    warmUp: pool.warmUp,
    stop: pool.stop,
  }
}

/** Whether a call that had begun may run in another thread: by the policy of its tool. */
function mayRepeat(replay: Tool['replay'], { isCulprit, hasChangedFiles }: CutOffError): boolean {
  if (isCulprit) return false
  return replay === 'safe' || (replay === 'until_changed' && !hasChangedFiles)
}
