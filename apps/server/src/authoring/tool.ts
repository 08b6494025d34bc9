import type { ToolContext, ToolLimits } from '../capabilities/capability.ts'
import { type Branded, branded } from './brand.ts'
import type { AnySchema, ParsedBy } from './schema.ts'

type Empty = Record<string, never>

export type ToolDefinition<
  Input extends AnySchema | undefined,
  Output extends AnySchema | undefined,
> = {
  /** In snake_case, unique in a project. Default for a file in `tools/`: the name of the file. */
  name?: string
  /** Purpose of the tool, for the model. */
  description: string
  /**
   * Whether a call that may have run before a crash can run again: `safe` for reads and idempotent
   * writes, `unsafe` for other effects, `until_changed` for tools whose only effect is one atomic
   * change of session files.
   */
  replay: 'safe' | 'unsafe' | 'until_changed'
  /** `requires_approval`: a person approves each call before it runs. Default: `auto`. */
  policy?: 'auto' | 'requires_approval'
  limits?: ToolLimits
  /** Arguments. Default: none. */
  input?: Input
  /** Result. A result that it refuses fails the call. Default: any JSON. */
  output?: Output
  /** Runs a call. The result is JSON, for the model. */
  run: (input: Input extends AnySchema ? ParsedBy<Input> : Empty, context: ToolContext) => unknown
}

/** A tool that a model can call. */
export type Tool = ToolDefinition<AnySchema | undefined, AnySchema | undefined> & Branded<'tool'>

/** Defines a tool. Its `run` gets the value that the schema `input` returns for the arguments. */
export function defineTool<
  const Input extends AnySchema | undefined = undefined,
  const Output extends AnySchema | undefined = undefined,
>(tool: ToolDefinition<Input, Output>): Tool {
  return branded('tool', tool) as unknown as Tool
}
