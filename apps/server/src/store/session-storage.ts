/** A name under which a session keeps something; never what it keeps. */
export type StoredName = { name: string; created_at: string; updated_at: string }

/**
 * What a session keeps by name: values as they are, secrets encrypted.
 * Contract: secrets without a master key throw the ApiError `secrets_unavailable`.
 */
export type SessionStorage = Record<'values' | 'secrets', NamedTexts>

export type NamedTexts = {
  /** Overwrites what was there. */
  set: (name: string, text: string) => Promise<void>
  /** Undefined when there is nothing under the name. */
  get: (name: string) => Promise<string | undefined>
  /** False when there was nothing. */
  remove: (name: string) => Promise<boolean>
  /** By name. */
  list: () => Promise<StoredName[]>
}
