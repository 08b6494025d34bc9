import { createHash } from 'node:crypto'
import { markOf } from '../authoring/brand.ts'
import type { Capability as DefinedCapability } from '../authoring/capability.ts'
import { capabilityOf, toolOf } from '../authoring/resolve.ts'
import type { Tool as DefinedTool } from '../authoring/tool.ts'
import {
  isToolError,
  type Mount,
  type Progress,
  serializeResult,
  splitImages,
  type Tool,
  type ToolContext,
  ToolError,
  withImages,
} from '../capabilities/capability.ts'
import { questionsOf } from '../capabilities/questions.ts'
import { explainProblems, problemsOf } from '../capabilities/schemas/validation.ts'
import { ApiError } from '../errors.ts'
import { newId } from '../ids.ts'
import type { SessionFiles, SessionStorage } from '../store/files/tool-access.ts'
import { TimeLimitError, withTimeLimit } from '../time-limit.ts'
import { memoryFiles } from './memory-files.ts'
import { type FirstTexts, memoryStorage } from './memory-storage.ts'
import { type RunToolOptions, ToolCallError, type ToolRunResult } from './tool-run.ts'

const problemsMax = 10
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
  const given = await parsed(tool, JSON.parse(JSON.stringify(input)), options)
  const call = { tool, input: given, progress, files, storage }
  const { json, images } = serializeResult(await attempt(call, options))
  return { result: JSON.parse(json), images, progress, files, storage }
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
async function parsed(
  tool: Tool,
  input: unknown,
  { signal = new AbortController().signal }: RunToolOptions,
): Promise<Record<string, unknown>> {
  const problems = tool.parse ? undefined : problemsOf(tool.input, input)
  const answer = problems?.length === 0 ? { value: input } : await tool.parse?.(input, signal)
  if (answer && 'value' in answer) return answer.value as Record<string, unknown>
  const found = (answer?.problems ?? problems!).slice(0, problemsMax)
  throw new ToolCallError(`Invalid arguments for ${tool.name}: ${explainProblems(found)}.`)
}

/** Validates a result by the tool's own schema. */
async function checked({ output }: Tool, result: unknown): Promise<unknown> {
  if (!output) return result
  const { value, images } = splitImages(await result)
  const answer = await output.parse(value)
  if ('value' in answer) return withImages(answer.value, images)
  const problems = explainProblems(answer.problems.slice(0, problemsMax), 'the result')
  throw new ToolError(`The tool ran, but its result does not match its schema: ${problems}.`)
}

type ToolAttempt = {
  tool: Tool
  input: Record<string, unknown>
  progress: Progress[]
  files: SessionFiles
  storage: SessionStorage
}

async function attempt(call: ToolAttempt, options: RunToolOptions): Promise<unknown> {
  const { tool, input } = call
  const timeoutMs = Math.min(tool.limits?.timeoutMs ?? timeoutMsMax, timeoutMsMax)
  const { signal = new AbortController().signal } = options
  try {
    return await withTimeLimit({ timeoutMs, signal }, (signal) =>
      checked(tool, tool.run(input, contextOf(call, { ...options, signal }))),
    )
  } catch (cause) {
    throw new ToolCallError(sentenceFor(cause, { timeoutMs, isCancelled: signal.aborted }), {
      cause,
    })
  }
}

type Ending = { timeoutMs: number; isCancelled: boolean }

function sentenceFor(error: unknown, { timeoutMs, isCancelled }: Ending): string {
  if (isCancelled) return 'The call was cancelled.'
  if (error instanceof TimeLimitError) return `The tool did not finish within ${timeoutMs} ms.`
  return messageFor(error)
}

/** Other errors than these two could contain secrets. */
function messageFor(error: unknown): string {
  const isMeant = isToolError(error) || (error instanceof ApiError && error.status !== 500)
  return isMeant ? error.message : 'An internal error occurred while executing the tool'
}

function contextOf(
  { tool, input, progress, files, storage }: ToolAttempt,
  { fetch = noFetch, ask = noAnswers, signal, user }: RunToolOptions & { signal: AbortSignal },
): ToolContext {
  const call = JSON.stringify([tool.name, input])
  return {
    orgId: newId('organization'),
    sessionId: newId('session'),
    user,
    turnId: newId('turn'),
    callId: 'call_1',
    idempotencyKey: createHash('sha256').update(call).digest('hex'),
    signal,
    outputBytesMax: Math.min(tool.limits?.outputBytesMax ?? outputBytesMax, outputBytesMax),
    files,
    storage,
    traceparent: undefined,
    locale: undefined,
    hints: {},
    progress: (report) => void progress.push(report),
    fetch,
    budgets: async () => [],
    ask: async (given) => ask(questionsOf(Array.isArray(given) ? given : [given])),
  }
}

const noAnswers: NonNullable<RunToolOptions['ask']> = ([first]) => {
  throw new Error(`The tool asked: ${first!.question} Give runTool the option \`ask\`.`)
}

const noFetch: typeof fetch = async (input) => {
  const url = input instanceof Request ? input.url : String(input)
  throw new Error(`The tool fetched ${url}. Give runTool the option \`fetch\`.`)
}
