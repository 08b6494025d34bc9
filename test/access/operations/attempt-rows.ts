/** Rows of the table of attempts: see attempts.ts. */
import type { Things } from './bodies.ts'

/** One way to name a resource of another organization, and the expected response. */
export type Attempt = {
  /** Owner of the resources in the path. Default: the other organization. */
  path?: Things
  query?: string
  body?: unknown
  headers?: Record<string, string>
  answer: [status: number, code?: string]
  /** The response is an empty list. */
  empty?: true
}

export type Row = {
  attempts: (theirs: Things, own: Things) => Attempt[]
  /** The reason why the operation cannot name a resource of another organization. */
  because?: string
  /** Refused to keys, tokens and users of the product for any resource. */
  usersOnly?: true
}

export const missing: [number, string] = [404, 'not_found']

/** The path names a resource of the other organization. */
export const byPath = (body?: (own: Things) => unknown): Row => ({
  attempts: (_, own) => [{ answer: missing, ...(body && { body: body(own) }) }],
})

/**
 * A list that has only the caller's resources, with any filter that names the other organization.
 */
export const ownOnly = (...queries: ((theirs: Things) => string)[]): Row => ({
  attempts: (theirs) => [
    { answer: [200] },
    ...queries.map((query): Attempt => ({ query: query(theirs), answer: [200], empty: true })),
  ],
})

export const nothing = (because: string, attempts: Row['attempts'] = () => []): Row => ({
  because,
  attempts,
})

/** The path has an organization and a resource; either may be the foreign one. */
export const inOrganization = (body?: unknown): Row => ({
  attempts: (theirs, own) =>
    [theirs, { ...theirs, org_id: own.org_id }, { ...own, org_id: theirs.org_id }].map((path) => ({
      path,
      answer: missing,
      ...(body !== undefined && { body }),
    })),
})
