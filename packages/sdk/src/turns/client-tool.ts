import type { ClientTool as Definition } from '@outlast/contract'

/** The arguments that a JSON Schema allows (`as const`); `unknown` if types cannot express it. */
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
  /** Aborted when no result is needed: the turn was cancelled, or the call timed out. */
  signal: AbortSignal
}

/** A tool that this program runs. Its `definition` belongs to `tools` of an agent or session. */
export type ClientTool = {
  definition: Definition
  run: (input: never, context: ToolCallContext) => unknown
}

/**
 * Creates a tool whose arguments have the type that its `parameters` describe. The model receives
 * the value that `run` returns or resolves to as the result, and a thrown error as the error.
 * Contract: the server does not validate arguments against `parameters`, so they may not match.
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
