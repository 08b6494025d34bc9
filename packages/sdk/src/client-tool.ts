import type { ClientTool as Definition } from '@outlast/contract'

/** The arguments that a JSON Schema, written out `as const`, allows. What it cannot say is `unknown`. */
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
  /** Aborted when nobody waits for the result any more: the turn was cancelled, or the call took too long. */
  signal: AbortSignal
}

/** A tool that this program runs for an agent. Its `definition` goes into `tools` of an agent or a session. */
export type ClientTool = {
  definition: Definition
  run: (input: never, context: ToolCallContext) => unknown
}

/**
 * Makes a tool whose arguments have the type that its `parameters` say. What `run` returns, or a promise of it, is the result
 * that the model gets; what it throws is the error that the model gets.
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
