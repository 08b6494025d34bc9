import { withoutControls } from '@outlast/contract'
import type { TObject } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import type { TLocalizedValidationError } from 'typebox/error'

/** A schema violation. `path` is empty for the value itself, else as in `/timezone`. */
export type Problem = { path: string; message: string }

const problemsMax = 10
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
  const errors = validator.Errors(value)
  const saying = errors.filter(says)
  // Only the first errors are reported. They may all be about extra fields: an invalid value never
  // has an empty list.
  const told = saying.length > 0 ? saying : errors
  return told.slice(0, problemsMax).map(problemOf)
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
    return { path, message: `must not have more than ${maxItems} items` }
  }
  for (const [name, shape] of Object.entries(schema.properties ?? {})) {
    const found = tooLongIn(shape, (value as Record<string, unknown>)[name], `${path}/${name}`)
    if (found) return found
  }
  return undefined
}

/** An extra field is reported twice: at its own path, and by the object that refuses it. */
const says = (error: TLocalizedValidationError) => error.keyword !== 'boolean'

function problemOf(error: TLocalizedValidationError): Problem {
  return { path: error.instancePath, message: messageOf(error) }
}

function messageOf(error: TLocalizedValidationError): string {
  switch (error.keyword) {
    case 'required':
      return `needs ${error.params.requiredProperties.join(', ')}`
    case 'additionalProperties':
      return `does not accept ${error.params.additionalProperties.join(', ')}`
    case 'format':
      return `is not a known ${error.params.format.replaceAll('-', ' ')}`
    case 'boolean':
      return 'is not accepted'
    case 'enum':
      return `must be one of ${error.params.allowedValues.join(', ')}`
    case 'minLength':
      return error.params.limit === 1 ? 'must not be empty' : error.message
    case 'pattern':
      return String(error.params.pattern).includes(withoutControls)
        ? 'must not contain control characters'
        : error.message
    default:
      return error.message
  }
}

/** Joins problems to the rest of a sentence. */
export const explainProblems = (problems: readonly Problem[], whole = 'the input') =>
  problems.map(({ path, message }) => `${path.slice(1) || whole} ${message}`).join('; ')
