import type { OutputError } from '@outlast/contract'
import { Check, Errors } from 'typebox/value'
import { storableText } from '../../text.ts'
import type { OutputSchema } from './output-schema.ts'
import { withSyncLimit } from './sync-limit.ts'
import { problemsFrom } from './validation.ts'

/** The value of an answer, or its violations of the schema. */
export type CheckedOutput = { value: unknown } | { errors: OutputError[] }

const levelsMax = 100
const messageLengthMax = 300

/** Checks an answer against an output schema. Contract: never throws. */
export function checkOutput(schema: OutputSchema, text: string): CheckedOutput {
  try {
    const value = outputIn(text)
    if (isDeeper(value, levelsMax)) return invalid(`is nested deeper than ${levelsMax} levels`)
    const errors = withSyncLimit(() => violations(schema, value))
    return errors.length > 0 ? { errors } : { value }
  } catch (error) {
    if (error instanceof SyntaxError) return invalid('is not valid JSON')
    return invalid('cannot be checked in time: the patterns of the schema are too slow for it')
  }
}

const invalid = (message: string): CheckedOutput => ({ errors: [{ path: '', message }] })

/** Reads the JSON of an answer, also inside a code block. Contract: throws SyntaxError. */
export function outputIn(text: string): unknown {
  const whole = text.trim()
  const begin = ['```json\n', '```\n'].find((fence) => whole.startsWith(fence))
  if (begin === undefined || !whole.endsWith('```')) return JSON.parse(whole)
  return JSON.parse(whole.slice(begin.length, -'```'.length))
}

/**
 * Lists the violations. It interprets the schema: one that is compiled becomes code of this
 * process.
 */
function violations(schema: OutputSchema, value: unknown): OutputError[] {
  if (Check(schema, value)) return []
  const problems = problemsFrom(Errors(schema, value), schema)
  return problems.map(({ path, message }) => ({
    path: storableText(path),
    message: storableText(message.slice(0, messageLengthMax)),
  }))
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((part) => isDeeper(part, levels - 1))
}
