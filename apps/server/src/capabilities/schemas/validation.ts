import type { TObject } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import type { TLocalizedValidationError } from 'typebox/error'
import { Settings } from 'typebox/system'
import type { SchemaProblem } from '../capability.ts'
import { messageOf } from './problem-message.ts'
import { reduceUnions } from './union-errors.ts'

export type Problem = SchemaProblem

const problemsMax = 10
// The default of 8 would cut the errors of a union before they can be reduced.
Settings.Set({ maxErrors: 64 })
const validators = new WeakMap<TObject, Validator>()

/** Validates `value`; returns its problems. Each schema object is compiled once. */
export function problemsOf(schema: TObject, value: unknown): Problem[] {
  let validator = validators.get(schema)
  if (!validator) {
    validator = Compile(schema)
    validators.set(schema, validator)
  }
  // Skips the errors of single items when there are too many items.
  const tooLong = tooLongIn(schema, value, '')
  if (tooLong) return [tooLong]
  if (validator.Check(value)) return []
  return problemsFrom(validator.Errors(value), schema)
}

/** Explains the errors of a validator, at most 10 of them. */
export function problemsFrom(
  errors: readonly TLocalizedValidationError[],
  schema: object,
): Problem[] {
  const located = errors.filter(isLocated)
  // The errors are cut at a maximum, so all of them may be of extra fields.
  const problems = reduceUnions(located.length > 0 ? located : [...errors]).map((error) => ({
    path: error.instancePath,
    message: messageOf(error, schema),
  }))
  return withoutRepeats(problems).slice(0, problemsMax)
}

type Shape = { maxItems?: number; properties?: Record<string, Shape>; anyOf?: Shape[] }

/** An array longer than its schema allows, in an object or in objects of objects. */
function tooLongIn(schema: Shape, value: unknown, path: string): Problem | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (schema.anyOf) {
    const [shape, ...others] = schema.anyOf.filter((one) => one.maxItems ?? one.properties)
    return shape && others.length === 0 ? tooLongIn(shape, value, path) : undefined
  }
  if (Array.isArray(value)) {
    const { maxItems = value.length } = schema
    if (value.length <= maxItems) return undefined
    return { path, message: `must have at most ${maxItems} items` }
  }
  for (const [name, shape] of Object.entries(schema.properties ?? {})) {
    const found = tooLongIn(shape, (value as Record<string, unknown>)[name], `${path}/${name}`)
    if (found) return found
  }
  return undefined
}

/** An extra field is reported twice: at its own path, and by the object that refuses it. */
const isLocated = (error: TLocalizedValidationError) => error.keyword !== 'boolean'

/** The pattern and the format of a field may have the same message. */
const withoutRepeats = (problems: readonly Problem[]) =>
  problems.filter(
    ({ path, message }, at) =>
      problems.findIndex((one) => one.path === path && one.message === message) === at,
  )

/** Joins problems to the rest of a sentence. */
export const explainProblems = (problems: readonly Problem[], whole = 'the input') =>
  problems.map(({ path, message }) => `${path.slice(1) || whole} ${message}`).join('; ')
