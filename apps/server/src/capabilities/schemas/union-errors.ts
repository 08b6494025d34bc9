import type { TLocalizedValidationError } from 'typebox/error'

/**
 * Reduces the errors of each union to those of the variant that the value resembles most.
 * Contract: the errors of a union's variants precede its own, as TypeBox lists them.
 */
export function reduceUnions(
  errors: readonly TLocalizedValidationError[],
): TLocalizedValidationError[] {
  const reduced: TLocalizedValidationError[] = []
  for (const error of errors) {
    if (error.keyword !== 'anyOf') {
      reduced.push(error)
      continue
    }
    const variants = `${error.schemaPath}/anyOf/`
    const first = reduced.findIndex(
      ({ schemaPath, instancePath }) =>
        schemaPath.startsWith(variants) && isWithin(instancePath, error.instancePath),
    )
    const inner = first < 0 ? [] : reduced.splice(first)
    reduced.push(...closest(error, inner))
  }
  return reduced
}

const isWithin = (path: string, parent: string) => path === parent || path.startsWith(`${parent}/`)

function closest(
  union: TLocalizedValidationError,
  inner: readonly TLocalizedValidationError[],
): TLocalizedValidationError[] {
  const start = union.schemaPath.length + '/anyOf/'.length
  const variants = Map.groupBy(inner, ({ schemaPath }) => schemaPath.slice(start).split('/')[0]!)
  const ofKind = [...variants.values()].filter((errors) => !errors.some(isOfOtherKind))
  const tags = ofKind.flatMap((errors) => errors.filter(isTag).slice(0, 1))
  const tagged = ofKind.filter((errors) => !errors.some(isTag))
  const [best] = tagged.toSorted((one, other) => one.length - other.length)
  if (best) return best
  const [tag] = tags
  return tag === undefined ? [union] : [withValues(tag, tags)]

  function isOfOtherKind({ keyword, instancePath }: TLocalizedValidationError) {
    return instancePath === union.instancePath && kindKeywords.has(keyword)
  }

  /** A field such as `type`, of which each variant has one value. */
  function isTag({ keyword, instancePath, ...error }: TLocalizedValidationError) {
    const isChild = instancePath.lastIndexOf('/') === union.instancePath.length
    return (
      isChild &&
      keyword === 'enum' &&
      allowedValuesIn({ keyword, instancePath, ...error }).length === 1
    )
  }
}

const kindKeywords = new Set(['type', 'anyOf', 'enum', 'const'])

const allowedValuesIn = (error: object) =>
  (error as { params: { allowedValues?: unknown[] } }).params.allowedValues ?? []

function withValues(
  tag: TLocalizedValidationError,
  tags: readonly TLocalizedValidationError[],
): TLocalizedValidationError {
  const params = { allowedValues: tags.flatMap(allowedValuesIn) }
  return { ...tag, params } as TLocalizedValidationError
}
