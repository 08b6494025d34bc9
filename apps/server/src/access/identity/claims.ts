import { type ChannelAuthMethod, endUserLengthMax, endUserPattern } from '@outlast/contract'
import type { JsonObject } from '../../json.ts'

type Requirements = NonNullable<ChannelAuthMethod['requirements']>

const subjectForm = new RegExp(endUserPattern)

/** The subject of a token. Undefined without one, and for one that cannot be an end user. */
export function tokenSubject({ sub }: JsonObject): string | undefined {
  const isUsable =
    typeof sub === 'string' && sub.length <= endUserLengthMax && subjectForm.test(sub)
  return isUsable ? sub : undefined
}

/** True if the claims of a token meet the requirements of a channel. */
export function meets(claims: JsonObject, requirements: Requirements = {}): boolean {
  const { audiences = [], scopes = [], claims: wanted = {} } = requirements
  const scopesOfToken = [...scopesIn(claims.scope), ...scopesIn(claims.scp)]
  return (
    (audiences.length === 0 || listOf(claims.aud).some((one) => includes(audiences, one))) &&
    scopes.every((scope) => scopesOfToken.includes(scope)) &&
    Object.entries(wanted).every(
      ([name, value]) => Object.hasOwn(claims, name) && includes(listOf(claims[name]), value),
    )
  )
}

const includes = (list: readonly unknown[], value: unknown) => list.includes(value)

const listOf = (claim: unknown): unknown[] => (Array.isArray(claim) ? claim : [claim])

/** Scopes are one text with blanks, or a list. */
const scopesIn = (claim: unknown): unknown[] =>
  typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : []
