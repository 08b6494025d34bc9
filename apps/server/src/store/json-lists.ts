/**
 * Joins JSON texts to one parameter. pg escapes each element of an array with regular expressions,
 * which block the event loop for seconds for megabytes of quotes or backslashes.
 */
export const jsonList = (texts: readonly string[]) => `[${texts.join()}]`

/** Joins texts to one parameter for `json_array_elements_text`, which has no lone surrogates. */
export const textList = (texts: readonly string[]) =>
  JSON.stringify(texts.map((text) => text.toWellFormed()))

/** The rows `n(hash, body)` of texts: `hashes` is an array, `bodies` a `textList`. */
export const textRows = (hashes: string, bodies: string) =>
  `rows from (unnest(${hashes}::text[]), json_array_elements_text(${bodies}::json)) as n(hash, body)`

/** A value of a JSON column that is null without one. */
export const jsonOrNull = (value: object | null | undefined) =>
  value == null ? null : JSON.stringify(value)
