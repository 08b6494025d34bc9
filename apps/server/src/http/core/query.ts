export const parametersMax = 200

type Query = Record<string, string | string[]>

/** Replaces a query with too many parameters, unparsed. A parser inside routing must not throw. */
export const tooManyParameters: Query = Object.freeze({})

/**
 * Parses a query in linear time. A single value is a string, repeated values are a list.
 * Contract: returns `tooManyParameters` for more than `parametersMax`, and never throws.
 */
export function readQuery(text: string): Query {
  if (hasTooMany(text)) return tooManyParameters
  const query: Query = Object.create(null)
  for (const [key, value] of new URLSearchParams(text)) {
    const before = query[key]
    if (before === undefined) query[key] = value
    else if (typeof before === 'string') query[key] = [before, value]
    else before.push(value)
  }
  return query
}

function hasTooMany(text: string): boolean {
  let at = -1
  for (let count = 0; count < parametersMax; count += 1) {
    at = text.indexOf('&', at + 1)
    if (at < 0) return false
  }
  return true
}
