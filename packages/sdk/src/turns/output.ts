import type { OutputError } from '@outlast/contract'
import { OutlastError } from '../http/error.ts'
import type { ArgumentsOf } from './client-tool.ts'
import type { Answer } from './follow.ts'
import {
  answerJsonSchema,
  isStandardSchema,
  type StandardSchemaV1,
  validateStandard,
} from './standard-schema.ts'

/** A JSON Schema, also one of TypeBox, or a schema of a library such as zod, valibot or arktype. */
export type OutputSchema = StandardSchemaV1 | object

/** The type of the answers by a schema. */
export type OutputOf<S> = S extends StandardSchemaV1
  ? NonNullable<S['~standard']['types']>['output']
  : ArgumentsOf<S>

/** The JSON Schema for the request. Contract: throws an OutlastError if there is none. */
export function jsonSchemaOf(schema: OutputSchema): Record<string, unknown> {
  if (!isStandardSchema(schema)) return { ...schema }
  try {
    return answerJsonSchema(schema)
  } catch (error) {
    const why = (error as Error).message
    throw new OutlastError('invalid_output_schema', `\`output\` ${why}.`, { cause: error })
  }
}

/**
 * Replaces the output of an answer by the value that the library returns for it.
 * Contract: rejects with the code `output_invalid` if the library refuses it.
 */
export async function parsedAnswer(answer: Answer, schema: OutputSchema | undefined) {
  if (!schema || !isStandardSchema(schema) || answer.outcome !== 'completed') return answer
  const result = await validateStandard(schema, answer.output)
  if ('value' in result) return { ...answer, output: result.value }
  throw invalidOutput(result.problems)
}

function invalidOutput(details: OutputError[]) {
  const [{ path, message } = { path: '', message: 'is invalid' }] = details
  const sentence = `The schema refuses the answer: ${path || 'it'} ${message}`
  return new OutlastError('output_invalid', sentence, { details })
}
