import { createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import type { Config } from '../config.ts'
import { masterKeyBytes } from '../secrets.ts'

/** Loaded with the first token. The only import of the package. */
export const jose = () => import('jose')
export type Jose = Awaited<ReturnType<typeof jose>>

const algorithm = 'HS256'
const issuer = 'outlast'

/**
 * The purpose of a token; other uses of it are refused. Version 0.1 signed `session` and gave it
 * the rights of its creator: its nodes must not accept a `grant`.
 */
type Kind = 'access' | 'refresh' | 'grant' | 'runtime'

export type AccessClaims = {
  sub: string
  email: string
  name: string
  roles: string[]
  sid: string
}
export type RefreshClaims = { sub: string; sid: string }
export type SessionClaims = {
  /** The creator of the token, as `key:<id>` or `user:<id>`. */
  sub: string
  org: string
  /** The only session of the token. Absent for a token of an end user. */
  session?: string
  access: 'read' | 'write' | 'approve'
  /** The id of its row, which contains its grants. */
  jti: string
}

/** A token for an end user of the holder of a channel's key. */
export type RuntimeClaims = {
  /** The id of the key that made it, with which it ends. */
  sub: string
  org: string
  channel: string
  user: string
}

type Claims = {
  access: AccessClaims
  refresh: RefreshClaims
  grant: SessionClaims
  runtime: RuntimeClaims
}
export type TokenClaims<K extends Kind> = Claims[K] & { exp: number }

/** Signs and verifies the tokens of this installation. */
export type Tokens = {
  sign: <K extends Kind>(kind: K, claims: Claims[K], seconds: number) => Promise<string>
  /**
   * Contract: undefined for a foreign, changed or other kind of token; `expired` for expired ones.
   */
  read: <K extends Kind>(kind: K, token: string) => Promise<TokenClaims<K> | 'expired' | undefined>
  /** True for a token that claims to be one of this installation, valid or not. */
  isOwn: (token: string) => boolean
  /** Derives a text from `text` that cannot be computed without the signing secret. */
  derive: (purpose: string, text: string) => string
}

/** Contract: signs with the first secret, of which there is at least one, and accepts all. */
export function createTokens(secrets: readonly Uint8Array[]): Tokens {
  const secret = secrets[0]!
  return {
    async sign(kind, claims, seconds) {
      const { SignJWT } = await jose()
      return new SignJWT({ ...claims, token_type: kind })
        .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
        .setIssuer(issuer)
        .setAudience(`${issuer}:${kind}`)
        .setIssuedAt()
        .setJti('jti' in claims ? claims.jti : randomBytes(12).toString('base64url'))
        .setExpirationTime(`${seconds} s`)
        .sign(secret)
    },
    async read(kind, token) {
      for (const one of secrets) {
        const found = await readSigned(kind, token, one)
        if (found !== 'signed by another') return found
      }
      return undefined
    },
    isOwn: claimsToBeOwn,
    derive: (purpose, text) =>
      createHmac('sha256', secret).update(`${purpose}:${text}`).digest('base64url'),
  }
}

function claimsToBeOwn(token: string): boolean {
  const [, payload = ''] = token.split('.')
  try {
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    return claims?.iss === issuer && String(claims.aud).startsWith(`${issuer}:`)
  } catch {
    return false
  }
}

async function readSigned<K extends Kind>(kind: K, token: string, secret: Uint8Array) {
  const { jwtVerify, errors } = await jose()
  try {
    const { payload } = await jwtVerify(token, secret, {
      algorithms: [algorithm],
      issuer,
      audience: `${issuer}:${kind}`,
      requiredClaims: ['sub', 'exp', 'iat', 'jti'],
    })
    return payload.token_type === kind ? (payload as unknown as TokenClaims<K>) : undefined
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) return 'signed by another'
    return error instanceof errors.JWTExpired ? 'expired' : undefined
  }
}

/**
 * Returns the secrets that sign tokens: the configured one, else one derived from each master key.
 * A new master key therefore keeps users signed in while the previous one is configured. Tokens of
 * a dropped key are refused.
 */
export function signingSecrets(config: Config, masterKeys: readonly string[]): Uint8Array[] {
  if (config.AUTH_JWT_SECRET !== undefined) return [Buffer.from(config.AUTH_JWT_SECRET)]
  return masterKeys.map(
    (key) => new Uint8Array(hkdfSync('sha256', masterKeyBytes(key), '', 'outlast tokens', 32)),
  )
}

/** Hashes random secrets for storage. */
export const secretHash = (secret: string) => createHash('sha256').update(secret).digest('hex')
