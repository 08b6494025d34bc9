/** Rows of a list. `hint`: a note for people after the last row. */
export type Rows<T> = AsyncIterable<T> & { hint?: () => string | undefined }

/** Reads a list of a response. Empty if a server of another version sends another type. */
export const listIn = <T>(value: readonly T[] | null | undefined): readonly T[] =>
  Array.isArray(value) ? value : []
