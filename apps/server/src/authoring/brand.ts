/**
 * Marks values that the functions of this package define. A project may use another copy of the
 * package than the server, so a registered symbol marks them, never a class.
 */

/** Version of the authoring API. A server refuses a newer one. */
export const apiVersion = 1

const brand = Symbol.for('outlast.authoring')

export type Kind = 'tool' | 'capability' | 'agent' | 'config'
type Mark = { kind: Kind; api: number }

export type Branded<K extends Kind> = { readonly __outlast?: K }

export function branded<K extends Kind, T extends object>(kind: K, value: T): T & Branded<K> {
  const mark: Mark = { kind, api: apiVersion }
  return Object.defineProperty({ ...value }, brand, { value: mark, enumerable: false })
}

/** The mark of a defined value; undefined for other values. */
export function markOf(value: unknown): Mark | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return (value as Record<symbol, Mark | undefined>)[brand]
}
