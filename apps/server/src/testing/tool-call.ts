import { createHash } from 'node:crypto'
import { markOf } from '../authoring/brand.ts'
import type { Capability as DefinedCapability } from '../authoring/capability.ts'
import { capabilityOf, toolOf } from '../authoring/resolve.ts'
import type { Tool as DefinedTool } from '../authoring/tool.ts'
import {
  isToolError,
  type Mount,
  type Progress,
  splitImages,
  type Tool,
  type ToolContext,
} from '../capabilities/capability.ts'
import { checkToolInput } from '../capabilities/catalog.ts'
import { explainProblems, problemsOf } from '../capabilities/validation.ts'
import { ApiError } from '../errors.ts'
import { newId } from '../ids.ts'
import type { SessionFiles, SessionStorage } from '../store/files/tool-access.ts'
import { memoryFiles } from './memory-files.ts'
import { type FirstTexts, memoryStorage } from './memory-storage.ts'
import { type RunToolOptions, ToolCallError, type ToolRunResult } from './tool-run.ts'

/** The default of TOOL_TIMEOUT_MS and TOOL_OUTPUT_KB. */
const timeoutMsMax = 60_000
const outputBytesMax = 64 * 1024

/** See `runTool`. */
export async function callTool(
  defined: DefinedTool | DefinedCapability,
  input: unknown,
  options: RunToolOptions,
): Promise<ToolRunResult> {
  const { tool, mounts } = chosen(defined, options)
  const files = openedFiles(options.files, mounts)
  const storage = openedStorage(options.storage)
  const progress: Progress[] = []
  const given = await parsed(tool, JSON.parse(JSON.stringify(input)))
  const call = { tool, input: given, progress, files, storage }
  const { value, images } = splitImages(await attempt(call, options))
  const json = JSON.stringify(value)
  const result = await checked(tool, json === undefined ? null : JSON.parse(json))
  return { result, images, progress, files, storage }
}

function openedFiles(given: RunToolOptions['files'] = {}, mounts: readonly Mount[]): SessionFiles {
  if (isOpen<SessionFiles>(given, 'read')) return given
  const first = Object.entries(given).map(([path, content]) => ({ path, content }))
  return memoryFiles([...mounts.filter((mount) => !(mount.path in given)), ...first])
}

const openedStorage = (given: RunToolOptions['storage'] = {}): SessionStorage =>
  isOpen<SessionStorage['values']>(given.values, 'set')
    ? (given as SessionStorage)
    : memoryStorage(given as FirstTexts)

/** Distinguishes the interface of an earlier call from first contents. */
const isOpen = <Opened extends object>(
  given: object | undefined,
  method: keyof Opened,
): given is Opened => typeof (given as Opened | undefined)?.[method] === 'function'

type Chosen = { tool: Tool; mounts: readonly Mount[] }

function chosen(defined: DefinedTool | DefinedCapability, options: RunToolOptions): Chosen {
  const { name, config = {} } = options
  if (markOf(defined)?.kind !== 'capability') {
    return { tool: toolOf(defined as DefinedTool, { name: name ?? 'tool' }), mounts: [] }
  }
  const capability = capabilityOf(defined as DefinedCapability, { name: 'capability' })
  const problems = problemsOf(capability.config, config)
  if (problems.length > 0) {
    throw new Error(
      `The config of ${capability.id} is not valid: ${explainProblems(problems, 'it')}.`,
    )
  }
  const tools = capability.tools(config)
  const tool = tools.find((one) => name === undefined || one.name === name)
  const names = tools.map((one) => one.name).join(', ') || 'none'
  if (!tool) throw new Error(`${capability.id} has no tool ${name ?? ''}. Its tools: ${names}.`)
  if (name === undefined && tools.length > 1) {
    throw new Error(`${capability.id} has several tools: choose one of ${names} by \`name\`.`)
  }
  return { tool, mounts: capability.mounts(config) }
}

/** Returns the input that `run` gets. */
async function parsed(tool: Tool, input: unknown): Promise<Record<string, unknown>> {
  if (!tool.parse) {
    const sentence = checkToolInput(tool, input)
    if (sentence !== undefined) throw new ToolCallError(sentence)
    return input as Record<string, unknown>
  }
  const answer = await tool.parse(input)
  if ('value' in answer) return answer.value as Record<string, unknown>
  throw new ToolCallError(
    `Invalid arguments for ${tool.name}: ${explainProblems(answer.problems)}.`,
  )
}

/** Validates a result, and returns the value that the model gets. */
async function checked(tool: Tool, result: unknown): Promise<unknown> {
  const answer = await tool.output?.parse(result)
  if (!answer) return result
  if ('value' in answer) return answer.value
  throw new ToolCallError(
    `Invalid result of ${tool.name}: ${explainProblems(answer.problems, 'the result')}.`,
  )
}

type ToolAttempt = {
  tool: Tool
  input: Record<string, unknown>
  progress: Progress[]
  files: SessionFiles
  storage: SessionStorage
}

async function attempt({ tool, input, ...own }: ToolAttempt, options: RunToolOptions) {
  const timeoutMs = Math.min(tool.limits?.timeoutMs ?? timeoutMsMax, timeoutMsMax)
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), timeoutMs)
  const signal = AbortSignal.any([timeout.signal, ...(options.signal ? [options.signal] : [])])
  const context = contextOf({ tool, input, ...own }, { ...options, signal })
  try {
    return await Promise.race([tool.run(input, context), aborted(signal)])
  } catch (cause) {
    if (options.signal?.aborted) throw new ToolCallError('The call was cancelled.', { cause })
    if (signal.aborted) {
      throw new ToolCallError(`The tool did not finish within ${timeoutMs} ms.`, { cause })
    }
    throw new ToolCallError(messageFor(cause), { cause })
  } finally {
    clearTimeout(timer)
  }
}

/** Other errors than these two could contain secrets. */
function messageFor(error: unknown): string {
  const isMeant = isToolError(error) || (error instanceof ApiError && error.status !== 500)
  return isMeant ? error.message : 'An internal error occurred while executing the tool'
}

function contextOf(
  { tool, input, progress, files, storage }: ToolAttempt,
  { fetch = noFetch, signal }: RunToolOptions & { signal: AbortSignal },
): ToolContext {
  const call = JSON.stringify([tool.name, input])
  return {
    orgId: newId('organization'),
    sessionId: newId('session'),
    turnId: newId('turn'),
    callId: 'call_1',
    idempotencyKey: createHash('sha256').update(call).digest('hex'),
    signal,
    outputBytesMax: Math.min(tool.limits?.outputBytesMax ?? outputBytesMax, outputBytesMax),
    files,
    storage,
    traceparent: undefined,
    progress: (report) => void progress.push(report),
    fetch,
  }
}

const noFetch: typeof fetch = async (input) => {
  const url = input instanceof Request ? input.url : String(input)
  throw new Error(`The tool fetched ${url}. Give runTool the option \`fetch\`.`)
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
