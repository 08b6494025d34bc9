import type { ChannelAuthMethod } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { jose } from '../tokens.ts'
import { meets, tokenSubject } from './claims.ts'
import type { KeyFinder } from './key-sets.ts'

/** Signatures with public keys only: a public key must never serve as a shared secret. */
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]
/** Difference of the clocks. */
const toleranceSeconds = 10
/** How many keys without an id are tried for one token. */
const triesMax = 8

const googleIssuer = 'https://accounts.google.com'

/** The issuer whose signed tokens a method accepts. Undefined for introspection. */
export function issuerOf({ mode, provider }: ChannelAuthMethod): string | undefined {
  if (mode === 'google_oidc') return googleIssuer
  return mode === 'oidc' ? provider?.issuer : undefined
}

/** Google also names itself without the scheme. */
const namesOf = (issuer: string) =>
  issuer === googleIssuer ? [issuer, 'accounts.google.com'] : [issuer]

/** The issuer that a token claims, without any check. Undefined for a token of another form. */
export async function claimedIssuer(token: string): Promise<string | undefined> {
  const { decodeJwt } = await jose()
  try {
    const { iss } = decodeJwt(token)
    return namesOf(googleIssuer).includes(String(iss)) ? googleIssuer : iss
  } catch {
    return undefined
  }
}

type TokenVerification = { method: ChannelAuthMethod; issuer: string; keyOf: KeyFinder }

/**
 * Verifies a token of an issuer. Undefined for a token that is not accepted.
 * Contract: throws 503 while the keys of the issuer cannot be read.
 */
export async function verifySigned(token: string, { method, issuer, keyOf }: TokenVerification) {
  const payload = await payloadOf(token, namesOf(issuer), keyOf)
  const subject = payload && tokenSubject(payload)
  if (!payload || subject === undefined || !meets(payload, method.requirements)) return undefined
  return { subject, expiresAt: payload.exp! * 1000 }
}

async function payloadOf(token: string, issuer: string[], keyOf: KeyFinder) {
  const { jwtVerify, errors } = await jose()
  const options = { algorithms, issuer, requiredClaims: ['exp'], clockTolerance: toleranceSeconds }
  try {
    return (await jwtVerify(token, keyOf, options)).payload
  } catch (error) {
    if (error instanceof ApiError) throw error
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return undefined
    let left = triesMax
    for await (const key of error) {
      const verified = await jwtVerify(token, key, options).catch(() => undefined)
      if (verified) return verified.payload
      left -= 1
      if (left === 0) break
    }
    return undefined
  }
}
