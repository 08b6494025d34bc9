import type { Static, TObject } from 'typebox'
import { problemsOf } from '../../capabilities/schemas/validation.ts'
import { type ApiError, invalidAt, invalidFields } from '../../errors.ts'

/** Validates a part of a request. Query values are text and are converted to their types first. */
export function validator(schema: TObject, httpPart: string | undefined) {
  const isQuery = httpPart === 'querystring'
  return (input: unknown) => {
    const value = isQuery ? convertQuery(schema, input) : input
    const error = misfit(schema, value, isQuery ? 'the query' : 'the body')
    return error ? { error } : { value: named(schema, value) }
  }
}

/** Parameters of a request, checked like a body. Contract: throws 400 with details. */
export function fitting<S extends TObject>(schema: S, value: unknown): Static<S> {
  const error = misfit(schema, value)
  if (error) throw error
  return named(schema, value) as Static<S>
}

function misfit(schema: TObject, value: unknown, whole?: string): ApiError | undefined {
  const problems = problemsOf(schema, value)
  if (problems.length === 0) return undefined
  const details = problems.map(({ path, message }) => ({ path: path.slice(1), message }))
  return invalidFields(details, whole)
}

/** Removes unknown fields, so that no handler receives them. */
function named({ properties }: TObject, value: unknown) {
  const given = Object.entries(value as object)
  return Object.fromEntries(given.filter(([key]) => Object.hasOwn(properties, key)))
}

function convertQuery({ properties }: TObject, input: unknown): unknown {
  const query = Object.entries(input as Record<string, string | string[]>)
  return Object.fromEntries(
    query.map(([key, value]) => {
      if ([value].flat().some((text) => text.includes('\0'))) {
        throw invalidAt(key, 'must not contain NUL')
      }
      return [key, readAs((properties[key] as { type?: string } | undefined)?.type, value)]
    }),
  )
}

function readAs(type: string | undefined, value: string | string[]): unknown {
  if (type === 'array') return [value].flat()
  if (typeof value !== 'string') return value
  if (type === 'integer' && /^-?\d{1,15}$/.test(value)) return Number(value)
  if (type === 'number' && /^-?\d{1,15}(\.\d{1,15})?$/.test(value)) return Number(value)
  if (type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true'
  return value
}
