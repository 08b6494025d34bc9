import { type Static, type TObject, Type } from 'typebox'

/** Where a tool call stands, and how it ends early: `signal` aborts on a timeout and when the turn is cancelled. */
export type ToolContext = {
  orgId: string
  sessionId: string
  turnId: string
  callId: string
  /** The same at every attempt of this call, and of no other call. */
  idempotencyKey: string
  signal: AbortSignal
}

/**
 * What a model can do besides writing. `replay` says whether a call that may already have run can run again.
 * Contract: `run` gets only input that fits `input`; what it returns (or its promise gives) is JSON and goes to
 * the model; a ToolError goes to the model as the call's error; any other error is a fault of ours.
 */
export type Tool<Input = Record<string, unknown>> = {
  name: string
  description: string
  replay: 'safe' | 'unsafe'
  input: TObject
  run: (input: Input, context: ToolContext) => unknown
}

/**
 * Tools and prompt text that an agent or a session is given under one id, shaped by `config`.
 * Contract: `prompt` and `tools` are pure, and get only config that fits `config`; an empty config always fits.
 */
export type Capability<Config = Record<string, unknown>> = {
  id: string
  name: string
  description: string
  category: string
  icon: string
  status: 'available' | 'coming_soon' | 'deprecated'
  /** Ids of capabilities that come along, before this one. */
  dependencies: readonly string[]
  config: TObject
  prompt: (config: Config) => string | undefined
  tools: (config: Config) => Tool[]
}

/** Types a tool's `run` by its `input`. */
export function defineTool<Input extends TObject>(
  tool: Omit<Tool<Static<Input>>, 'input'> & { input: Input },
): Tool {
  return tool as unknown as Tool
}

type Required = 'id' | 'name' | 'description' | 'category' | 'icon' | 'status'

/** Types a capability's `prompt` and `tools` by its `config`; what is left out is empty. */
export function defineCapability<Config extends TObject = TObject>(
  capability: Pick<Capability, Required> &
    Partial<Omit<Capability<Static<Config>>, Required | 'config'>> & { config?: Config },
): Capability {
  const whole = {
    dependencies: [],
    config: Type.Object({}),
    prompt: () => undefined,
    tools: () => [],
    ...capability,
  }
  return whole as unknown as Capability
}

/** A failure that the model should read, and can do something about. */
export class ToolError extends Error {
  override name = 'ToolError'
}
