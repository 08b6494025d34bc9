import { AsyncLocalStorage } from 'node:async_hooks'
import { parentPort } from 'node:worker_threads'
import {
  type Parsed,
  type SerializedResult,
  serializeResult,
  splitImages,
  type Tool,
  type ToolContext,
  ToolError,
  withImages,
} from '../../capabilities/capability.ts'
import { explainProblems } from '../../capabilities/schemas/validation.ts'
import { systemThreadId } from '../../store/files/low-priority.ts'
import { loadCapabilities } from '../load.ts'
import { createBodies } from './bodies.ts'
import { asBuffer, exact, openChannel } from './channel.ts'
import { type CallInThread, createContext } from './context.ts'
import {
  begunAt,
  closedAt,
  culpritAt,
  type OfCall,
  type SentCall,
  type ThreadStart,
  type ToolPlace,
  threadIdAt,
  withdrawn,
} from './messages.ts'
import { fromSentError, type SentError, toSentError } from './sent-error.ts'

/** A thread that runs tools of a project. Its messages use a port that no tool can reach. */

const toolListsMax = 200

parentPort!.once('message', start)

function start({ port, location, fileBytesMax, marks }: ThreadStart): void {
  // Tools can post to the parent port as well: nothing else uses it.
  parentPort!.close()
  Atomics.store(marks, threadIdAt, systemThreadId())
  const current = new AsyncLocalStorage<number>()
  const calls = new Map<number, CallInThread>()
  const toolOf = findTools(loadCapabilities(location))
  const channel = openChannel(port, {
    ping() {},
    loaded: () => toolOf.loaded,
    run: (sent: SentCall) => run(sent),
    abort({ call, reason }: OfCall<{ reason: SentError }>) {
      calls.get(call)?.aborting.abort(fromSentError(reason))
    },
    edit({ call, id, bytes }: OfCall<{ id: number; bytes?: Uint8Array }>) {
      const change = calls.get(call)?.edits.get(id)
      if (!change) throw new Error('The edit is over.')
      return current.run(call, async () => exact(change(asBuffer(bytes as Buffer))))
    },
    'body.read': ({ call, body }: OfCall<{ body: number }>) => calls.get(call)?.bodies.read(body),
    'body.cancel': ({ call, body }: OfCall<{ body: number }>) =>
      calls.get(call)?.bodies.cancel(body),
  })

  async function run({ call, input, context, parses, ...sent }: SentCall) {
    const inThread: CallInThread = {
      call,
      aborting: new AbortController(),
      edits: new Map(),
      bodies: createBodies(),
    }
    calls.set(call, inThread)
    try {
      const tool = await toolOf(sent)
      const { signal } = inThread.aborting
      signal.throwIfAborted()
      // In this order: the main thread closes the thread first, and then reads the last call.
      Atomics.store(marks, begunAt, call)
      if (Atomics.load(marks, closedAt) === 1) return withdrawn
      if (parses) return await current.run(call, () => argumentProblems(tool, input, signal))
      const own = createContext(channel, inThread, context)
      const result = await current.run(call, () => runProjectTool(tool, input, own))
      return cutResult(serializeResult(result), fileBytesMax)
    } finally {
      calls.delete(call)
      inThread.bodies.cancelAll()
    }
  }

  const mark = () => {
    const call = current.getStore()
    if (call !== undefined) Atomics.store(marks, culpritAt, call)
  }
  process.on('exit', mark)
  process.on('uncaughtExceptionMonitor', mark)
  process.on('unhandledRejection', (error) =>
    channel.notify('rejection', { call: current.getStore() ?? 0, error: toSentError(error) }),
  )
}

/** Runs a tool with the values that the libraries of its schemas return. */
async function runProjectTool(tool: Tool, input: Record<string, unknown>, context: ToolContext) {
  const given = tool.parse ? accepted(await tool.parse(input, context.signal), invalidInput) : input
  const result = await tool.run(given as Record<string, unknown>, context)
  if (!tool.output) return result
  const { value, images } = splitImages(result)
  return withImages(accepted(await tool.output.parse(value), invalidResult), images)
}

const endLength = 65_536

/** Cuts a result that no file can hold: a long message would block the server. */
function cutResult(result: SerializedResult, bytesMax: number): SerializedResult {
  const { json } = result
  if (json.length <= bytesMax) return result
  const whole = { sizeBytes: Buffer.byteLength(json), end: json.slice(-endLength).toWellFormed() }
  return { ...result, json: json.slice(0, bytesMax + 1).toWellFormed(), whole }
}

/** Validates arguments. The value of the library stays here: it may be no JSON. */
async function argumentProblems(
  { parse }: Tool,
  input: Record<string, unknown>,
  signal: AbortSignal,
): Promise<Parsed> {
  const parsed = await parse!(input, signal)
  return 'problems' in parsed ? parsed : { value: undefined }
}

const invalidInput = (problems: string) => `The arguments are invalid: ${problems}.`
const invalidResult = (problems: string) =>
  `The tool ran, but its result does not match its schema: ${problems}.`
const problemsMax = 10

function accepted(parsed: Parsed, refusal: (problems: string) => string): unknown {
  if ('value' in parsed) return parsed.value
  const problems = parsed.problems.slice(0, problemsMax)
  throw new ToolError(refusal(explainProblems(problems, 'the value')))
}

/** Returns a function that finds the tool of a call; the lists of tools are kept by config. */
function findTools(loading: ReturnType<typeof loadCapabilities>) {
  const lists = new Map<string, ReadonlyMap<string, Tool>>()
  const loaded = loading.then(
    (capabilities) => new Map(capabilities.map((capability) => [capability.id, capability])),
  )
  loaded.catch(() => {})
  const isLoaded = loaded.then(() => {})
  isLoaded.catch(() => {})
  const find = async ({ capabilityId, config, tool }: ToolPlace) => {
    const capability = (await loaded).get(capabilityId)
    const key = `${capabilityId} ${config}`
    let tools = lists.get(key)
    if (!tools) {
      const listed = capability?.tools(JSON.parse(config)) ?? []
      tools = new Map(listed.map((one) => [one.name, one]))
      if (lists.size >= toolListsMax) lists.clear()
      lists.set(key, tools)
    }
    const found = tools.get(tool)
    if (!found) throw new Error(`The files of the project no longer define the tool ${tool}.`)
    return found
  }
  return Object.assign(find, { loaded: isLoaded })
}
