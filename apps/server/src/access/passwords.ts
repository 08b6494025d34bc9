import { randomBytes } from 'node:crypto'
import { invalidAt } from '../errors.ts'
import { isWeak } from './weak-passwords.ts'

/** Loaded with the first password: a server without authentication never needs it. */
const argon2 = () => import('@node-rs/argon2')

/** OWASP's minimum for Argon2id: 19 MiB, two passes; about 30 ms of one core. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Contract: throws 400 at `path` for a weak password. The schema checks its length. */
export function checkPassword(password: string, email: string, path = 'password'): void {
  const [lower, address] = [password.toLowerCase(), email.toLowerCase()]
  const name = address.split('@')[0]!
  if (lower === address || lower === name) throw invalidAt(path, 'must not be the e-mail address')
  if (isWeak(password, [address, name])) throw invalidAt(path, 'is too easy to guess')
}

export async function hashPassword(password: string): Promise<string> {
  const { hash } = await argon2()
  return hash(password, cost)
}

let nobody: Promise<string> | undefined

/** Verifies the password of an account. Takes the same time without an account or a password. */
export async function verifyPassword(hash: string | null | undefined, password: string) {
  const { verify } = await argon2()
  nobody ??= hashPassword(randomBytes(16).toString('hex'))
  const matches = await verify(hash ?? (await nobody), password)
  return matches && hash != null
}
