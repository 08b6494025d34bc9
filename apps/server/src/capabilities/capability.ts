import type { EventDataOf } from '@outlast/contract'
import { type Static, type TObject, Type } from 'typebox'
import type { SessionFiles } from '../store/files/session-files.ts'
import type { SessionStorage } from '../store/files/session-storage.ts'
import { withApproval } from './approval-config.ts'
import type { SessionRule, SessionRules } from './session-rules.ts'

/**
 * Where a tool call stands, how it ends early (`signal` aborts on a timeout and when the turn is
 * cancelled), and what it can reach. What goes wrong with files and storage is an ApiError that may
 * go to the model as it is.
 */
export type ToolContext = {
  orgId: string
  sessionId: string
  turnId: string
  callId: string
  /** The same at every attempt of this call, and of no other call. */
  idempotencyKey: string
  signal: AbortSignal
  /** UTF-8 bytes of the result, as JSON, that the model gets at most. */
  outputBytesMax: number
  /** The session's files. A call whose turn went on elsewhere changes nothing any more. */
  files: SessionFiles
  /** What the session keeps by name. */
  storage: SessionStorage
  /** The span of this call, to be sent to the called service. Undefined without tracing. */
  traceparent: string | undefined
  /** Tells whoever follows the session how far the call is. What comes too fast is left out. */
  progress: (progress: Progress) => void
  /** Reaches the public internet and allowed hosts only, whatever a redirect or name leads to. */
  fetch: typeof fetch
}

/** How far a call is, of how much where that is known, and in words. */
export type Progress = {
  progress: number
  total?: number | undefined
  message?: string | undefined
}

/** An image that stands beside a result. */
export type Image = { mediaType: string; base64: string; sizeBytes: number }

const images = Symbol('images')
type WithImages = { value: unknown; [images]: readonly Image[] }

/** A result with images that a model sees beside it, where its vendor takes them. */
export const withImages = (value: unknown, all: readonly Image[]): unknown =>
  all.length === 0 ? value : { value, [images]: all }

/** A result, and the images beside it. */
export function splitImages(result: unknown): { value: unknown; images: readonly Image[] } {
  const all = (result as WithImages | null | undefined)?.[images]
  return all ? { value: (result as WithImages).value, images: all } : { value: result, images: [] }
}

/** What a tool may take. */
export type ToolLimits = {
  /** Longest a call may last; never longer than `TOOL_TIMEOUT_MS`. */
  timeoutMs?: number
  /** UTF-8 bytes of a result that the model gets; more is kept in the session's files. */
  outputBytesMax?: number
}

/** A file that is in a session from its start. */
export type Mount = { path: string; content: string | Buffer; isReadonly: boolean }

/**
 * What a model can do besides writing. `replay` says whether a call that may already have run can
 * run again: `until_changed` is for what does nothing but change files of the session, in one go,
 * so that the log tells whether it did.
 * Contract: `run` gets only input that fits `input`; what it returns (or its promise gives) is JSON
 * and goes to the model; a ToolError, or an ApiError that is no 500, goes to the model as the
 * call's error; any other error is a fault of ours.
 */
export type Tool<Input = Record<string, unknown>> = {
  name: string
  description: string
  replay: 'safe' | 'unsafe' | 'until_changed'
  /** `requires_approval`: a person allows each call before it runs. Absent: `auto`. */
  policy?: 'auto' | 'requires_approval'
  /** The client runs it, and checks its input. */
  client?: { timeoutSeconds: number | undefined }
  input: TObject
  /** Third-party schema: models see it; the remote server validates arguments against it. */
  unchecked?: true
  /** What the server that runs it calls it. */
  remoteName?: string
  /** It is new or changed since the list of its server was reviewed. */
  isChanged?: boolean
  limits?: ToolLimits
  run: (input: Input, context: ToolContext) => unknown
}

/**
 * Tools and prompt text that an agent or a session is given under one id, shaped by `config`.
 * Contract: `prompt`, `tools` and `mounts` are pure, and get only config that fits `config`; an
 * empty config always fits.
 */
export type Capability<Config = Record<string, unknown>> = {
  id: string
  name: string
  description: string
  category: string
  icon: string
  status: 'available' | 'coming_soon' | 'deprecated' | 'disabled'
  /** Ids of capabilities that come along, before this one. */
  dependencies: readonly string[]
  config: TObject
  /** How a session's config combines with the agent's, by field: limits only narrow. */
  sessionRules: Readonly<Record<string, SessionRule>>
  prompt: (config: Config) => string | undefined
  tools: (config: Config) => Tool[]
  /** Files that a session has from its start. */
  mounts: (config: Config) => Mount[]
  /** Its tools are not known yet: what config says of them cannot be held against anything. */
  isUnlisted?: boolean
  /** Other tools of the same agent could have the names of these. */
  isAmbiguous?: boolean
  /** Of an MCP server: where it is reached. */
  address?: string
  /** What whoever looks at a preview should know of it. */
  warnings?: readonly string[]
  /** Why it cannot do at the moment what it should, for the log of a turn. */
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

/** Types a capability's `prompt` and `tools` by its `config`; what is left out is empty. */
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

/** A failure that the model should read, and can do something about. */
export class ToolError extends Error {
  override name = 'ToolError'
}
