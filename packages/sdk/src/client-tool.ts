import type { ClientTool as Definition } from '@outlast/contract'

/** The arguments that a JSON Schema allows, written `as const`; `unknown` if inexpressible. */
export type ArgumentsOf<S> = S extends { enum: readonly (infer T)[] }
  ? T
  : S extends { type: 'string' }
    ? string
    : S extends { type: 'number' | 'integer' }
      ? number
      : S extends { type: 'boolean' }
        ? boolean
        : S extends { type: 'array'; items: infer Item }
          ? ArgumentsOf<Item>[]
          : S extends { type: 'object'; properties: infer P }
            ? ObjectOf<P, S extends { required: readonly (infer R)[] } ? R : never>
            : unknown

type ObjectOf<P, R> = { [K in keyof P as K extends R ? K : never]: ArgumentsOf<P[K]> } & {
  [K in keyof P as K extends R ? never : K]?: ArgumentsOf<P[K]>
}

export type ToolCallContext = {
  toolCallId: string
  sessionId: string
  /** Aborted when the result is no longer needed: the turn was cancelled, or the call timed out. */
  signal: AbortSignal
}

/** A tool that this program runs. Its `definition` goes into `tools` of an agent or session. */
export type ClientTool = {
  definition: Definition
  run: (input: never, context: ToolCallContext) => unknown
}

/**
 * Makes a tool whose arguments have the type that its `parameters` say. What `run` returns, or a
 * promise of it, is the result that the model gets; what it throws is the error that the model
 * gets.
 * Contract: the server does not check arguments against `parameters`, and a model may be wrong.
 */
export function clientTool<const S extends Record<string, unknown>>({
  run,
  ...about
}: {
  name: string
  description: string
  parameters: S
  timeout_seconds?: number
  policy?: Definition['policy']
  run: (input: ArgumentsOf<S>, context: ToolCallContext) => unknown
}): ClientTool {
  return { definition: { type: 'client_side', ...about } as Definition, run }
}
