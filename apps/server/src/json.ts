export type JsonObject = Record<string, unknown>

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The value of a text that is JSON. Other text is itself. */
export function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const jsonEscape = /\\(?:u[0-9a-f]{4}|.)/g

/**
 * Replaces each half of a surrogate pair, which vendors refuse, in texts and names of JSON as
 * `JSON.stringify` writes it. That escapes surrogates only when they are no pair.
 */
export const wellFormedJson = (json: string) =>
  json.replace(jsonEscape, (one) => (one.startsWith('\\ud') ? '\ufffd' : one))

/** JSON whose objects have their keys in order. */
export const sortedJson = (value: unknown): string =>
  JSON.stringify(value, (_, part) => (isJsonObject(part) ? sortedKeys(part) : part))

const sortedKeys = (object: JsonObject) =>
  Object.fromEntries(Object.entries(object).sort(([one], [other]) => (one < other ? -1 : 1)))
