import type { EventDataOf, NetworkAccess, QuestionOutcome } from '@outlast/contract'
import { type Static, type TObject, Type } from 'typebox'
import type { ToolBudget } from '../store/budgets/tool-budget.ts'
import type { SessionFiles, SessionStorage } from '../store/files/tool-access.ts'
import { withApproval } from './approval-config.ts'
import type { GivenQuestion } from './question-schema.ts'
import type { SessionRule, SessionRules } from './session-rules.ts'

/**
 * The context of a tool call: its place, its early end (`signal` aborts on a timeout and on a
 * cancel of the turn), and the resources that it may use. Errors of files and storage are ApiErrors
 * that may go to the model.
 */
export type ToolContext = {
  orgId: string
  sessionId: string
  /** The end user of the product to whom the session belongs. Undefined: none. */
  user: string | undefined
  turnId: string
  callId: string
  /**
   * The same for every attempt of this call, and unique to it, while the log has its start: a
   * failover that loses commits can lose it.
   */
  idempotencyKey: string
  signal: AbortSignal
  /** Limit of the result for the model, as JSON, in UTF-8 bytes. */
  outputBytesMax: number
  /** The session's files. A call whose turn was taken over cannot change them. */
  files: SessionFiles
  /** The session's named values and secrets. */
  storage: SessionStorage
  /** Reads the balance of the budgets that apply to the session. */
  budgets: () => Promise<ToolBudget[]>
  /** The span of this call, to be sent to the called service. Undefined without tracing. */
  traceparent: string | undefined
  /** Language of the user, such as `uk-UA`. Undefined unless the session has one. */
  locale: string | undefined
  /** Facts about the client: those of the session, replaced by those of the newest message. */
  hints: Readonly<Record<string, unknown>>
  /** Reports progress to followers of the session. Reports are dropped above the rate limit. */
  progress: (progress: Progress) => void
  /** Reaches the public internet and allowed hosts only, also through redirects and DNS names. */
  fetch: typeof fetch
  /** The network access of agent and session, which `fetch` enforces. */
  networkAccess?: readonly NetworkAccess[]
  /**
   * Asks a person, for 24 hours by default and at most 7 days. Without an answer yet, it ends this
   * run of the tool: `signal` aborts, the promise rejects, and the result of the run is ignored.
   * When the answers are there, the tool runs again from its beginning, also on another node, and
   * the promise resolves at once. `status` says whether the person answered.
   * Contract: the n-th call of every run asks the same questions. Throws ToolError for invalid
   * ones.
   */
  ask: (
    questions: GivenQuestion | readonly GivenQuestion[],
    options?: { expiresInSeconds?: number },
  ) => Promise<QuestionOutcome>
}

/** The progress of a call, with its total and a message if known. */
export type Progress = {
  progress: number
  total?: number | undefined
  message?: string | undefined
}

/** An image of a result. */
export type Image = { mediaType: string; base64: string; sizeBytes: number }

/** Shared by all copies of the package: a tool may come from another copy than the server. */
const images = Symbol.for('outlast.images')
type WithImages = { value: unknown; [images]: readonly Image[] }

/** Adds images to a result. The model gets them if its vendor supports images. */
export const withImages = (value: unknown, all: readonly Image[]): unknown =>
  all.length === 0 ? value : { value, [images]: all }

/** Splits a result into its value and its images. */
export function splitImages(result: unknown): { value: unknown; images: readonly Image[] } {
  const all = (result as WithImages | null | undefined)?.[images]
  return all ? { value: (result as WithImages).value, images: all } : { value: result, images: [] }
}

/**
 * A result for the log: JSON, and its images. `whole`: the size and the end of a longer JSON, of
 * which `json` is the beginning.
 */
export type SerializedResult = {
  json: string
  images: readonly Image[]
  whole?: { sizeBytes: number; end: string }
}

const serialized = Symbol('serialized')

/** Marks a result of `run` that is serialized already. */
export const asResult = (result: SerializedResult): unknown => ({ [serialized]: result })

/** Limits of the images of one result, in bytes and number. */
export const imageLimits = { bytes: 5 * 1024 * 1024, allBytes: 8 * 1024 * 1024, count: 20 }

function checkResultImages(images: readonly Image[]) {
  const sizes = images.map(({ base64 }) => Buffer.byteLength(base64, 'base64'))
  const isLarge = sizes.some((size) => size > imageLimits.bytes)
  const allBytes = sizes.reduce((sum, size) => sum + size, 0)
  if (!isLarge && allBytes <= imageLimits.allBytes && sizes.length <= imageLimits.count) return
  throw new ToolError(
    `The tool ran, but its images exceed the limits: at most ${imageLimits.count}, of 5 MiB each and 8 MiB together.`,
  )
}

/**
 * Serializes a result of `run`.
 * Contract: throws for values that JSON cannot represent; ToolError for images above the limits.
 */
export function serializeResult(result: unknown): SerializedResult {
  const known = (result as { [serialized]?: SerializedResult } | null | undefined)?.[serialized]
  if (known) return known
  const { value, images } = splitImages(result)
  checkResultImages(images)
  return { json: (JSON.stringify(value) ?? 'null').toWellFormed(), images }
}

/** Validates a value by a schema library. The value it returns may differ from the given one. */
export type Parse = (value: unknown) => Promise<Parsed>
export type Parsed = { value: unknown } | { problems: readonly SchemaProblem[] }
/** A schema violation. `path` is empty for the value itself, else as in `/timezone`. */
export type SchemaProblem = { path: string; message: string }

/** Limits of a tool's calls. */
export type ToolLimits = {
  /** Time limit of a call in ms; never longer than `TOOL_TIMEOUT_MS`. */
  timeoutMs?: number
  /** Limit of the result for the model, in UTF-8 bytes; more is stored in the session's files. */
  outputBytesMax?: number
}

/** A file that a session has from its start. */
export type Mount = { path: string; content: string | Buffer; isReadonly: boolean }

/**
 * A tool that a model can call. `replay` is whether a call that may have run can run again:
 * `until_changed` is for tools whose only effect is one atomic change of session files, which the
 * log records.
 * Contract: `run` gets only input that matches `input`; its result is JSON and goes to the model. A
 * ToolError, and an ApiError other than 500, go to the model as the call's error; any other error
 * is an internal error.
 */
export type Tool<Input = Record<string, unknown>> = {
  name: string
  description: string
  replay: 'safe' | 'unsafe' | 'until_changed'
  /** `requires_approval`: a person approves each call before it runs. Absent: `auto`. */
  policy?: 'auto' | 'requires_approval'
  /** The client runs it and validates its input. */
  client?: { timeoutSeconds: number | undefined }
  /** It only asks a person the questions of its input. Their answers are the result. */
  asks?: { timeoutSeconds: number }
  input: TObject
  /** Third-party schema: models see it; the remote server validates arguments against it. */
  unchecked?: true
  /** Schema of a project: its validation has a time limit. */
  isLimited?: true
  /** Validates arguments in place of `input`, and returns the value that `run` gets. */
  parse?: (value: unknown, signal: AbortSignal) => Promise<Parsed>
  /** Validates and describes the result. */
  output?: { schema: TObject; parse: Parse }
  /** The tool's name on its MCP server. */
  remoteName?: string
  /** True when it is new or changed since the review of its server's list. */
  isChanged?: boolean
  limits?: ToolLimits
  run: (input: Input, context: ToolContext) => unknown
}

/**
 * Tools and prompt text that agents and sessions use by id, configured by `config`.
 * Contract: `prompt`, `tools` and `mounts` are pure, and get only config that matches `config`; an
 * empty config is always valid.
 */
export type Capability<Config = Record<string, unknown>> = {
  id: string
  name: string
  description: string
  category: string
  icon: string
  status: 'available' | 'coming_soon' | 'deprecated' | 'disabled'
  /** Ids of the capabilities that it includes, which come before it. */
  dependencies: readonly string[]
  config: TObject
  /** How a session's config combines with the agent's, by field: limits only narrow. */
  sessionRules: Readonly<Record<string, SessionRule>>
  prompt: (config: Config) => string | undefined
  tools: (config: Config) => Tool[]
  /** Files that a session has from its start. */
  mounts: (config: Config) => Mount[]
  /** The user's file that defines it, relative to the project. */
  file?: string
  /** Its tools are not listed yet: tool names in config cannot be checked. */
  isUnlisted?: boolean
  /** Other tools of the same agent could have the same names. */
  isAmbiguous?: boolean
  /** The URL of an MCP server. */
  address?: string
  /** Warnings for previews. */
  warnings?: readonly string[]
  /** Why it is unavailable, for the log of a turn. */
  unavailable?: EventDataOf<'mcp.unavailable'>
}

/** Types a tool's `run` by its `input`. */
export function defineTool<Input extends TObject>(
  tool: Omit<Tool<Static<Input>>, 'input'> & { input: Input },
): Tool {
  return tool as unknown as Tool
}

type Required = 'id' | 'name' | 'description' | 'category' | 'icon' | 'status'

type WithConfig<Config extends TObject> =
  | { config: Config; sessionRules: SessionRules<Static<Config>> }
  | { config?: undefined; sessionRules?: undefined }

/** Types a capability's `prompt` and `tools` by its `config`; omitted parts are empty. */
export function defineCapability<Config extends TObject = TObject>(
  capability: Pick<Capability, Required> &
    Partial<Omit<Capability<Static<Config>>, Required | 'config' | 'sessionRules'>> &
    WithConfig<Config>,
): Capability {
  const whole = {
    dependencies: [],
    config: Type.Object({}) as TObject,
    sessionRules: {},
    prompt: () => undefined,
    tools: () => [],
    mounts: () => [],
    ...capability,
  }
  if (!capability.tools) return whole as unknown as Capability
  const config = withApproval(whole.config)
  const sessionRules = { ...whole.sessionRules, requires_approval: 'approval' }
  return { ...whole, config, sessionRules } as unknown as Capability
}

/** Category of capabilities for demos and tests, which lists show last. */
export const demoCategory = 'Demo'

const toolError = Symbol.for('outlast.ToolError')

/** An error that the model should read and can react to. */
export class ToolError extends Error {
  override name = 'ToolError'
  readonly [toolError] = true
}

/**
 * Ends a call whose thread ended while it ran. `changedFiles`: it had changed files before.
 */
export class CallInterruptedError extends Error {
  override name = 'CallInterruptedError'
  readonly changedFiles: boolean

  constructor(changedFiles: boolean) {
    super('The thread of the call has ended.')
    this.changedFiles = changedFiles
  }
}

/** True for the ToolError of any copy of the package. */
export const isToolError = (error: unknown): error is ToolError =>
  error instanceof Error && toolError in error
