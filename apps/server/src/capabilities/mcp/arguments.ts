import type { TObject } from 'typebox'
import { Check, Errors } from 'typebox/value'
import { isTooSlow, withSyncLimit } from '../schemas/sync-limit.ts'
import { explainProblems } from '../schemas/validation.ts'

const nodesMax = 10_000

/**
 * Validates arguments by the schema of a third-party tool; returns the error in one sentence. The
 * schema is interpreted, never compiled. A schema that expands to more than 10,000 parts, or takes
 * too long, is left to the server, which validates every call itself.
 */
export function foreignProblem(schema: TObject, input: unknown): string | undefined {
  if (!isBounded(schema)) return undefined
  try {
    return withSyncLimit(() => problemIn(schema, input))
  } catch (error) {
    if (isTooSlow(error)) return undefined
    throw error
  }
}

function problemIn(schema: TObject, input: unknown): string | undefined {
  if (Check(schema, input)) return undefined
  const [first] = Errors(schema, input)
  return explainProblems([
    { path: first?.instancePath ?? '', message: first?.message ?? 'does not match the schema' },
  ])
}

/** False for a schema that is recursive, or whose references expand to too many parts. */
function isBounded(schema: TObject): boolean {
  const { $defs = {} } = schema as { $defs?: Record<string, unknown> }
  let nodes = 0
  const open: unknown[] = [{ ...schema, $defs: undefined }]
  while (open.length > 0) {
    const part = open.pop()
    if (typeof part !== 'object' || part === null) continue
    nodes += 1
    if (nodes > nodesMax) return false
    const { $ref } = part as { $ref?: unknown }
    if (typeof $ref === 'string') open.push($defs[$ref.replace('#/$defs/', '')])
    else open.push(...Object.values(part))
  }
  return true
}
