import { randomBytes } from 'node:crypto'
import { invalidAt } from '../errors.ts'

/** Loaded with the first password: a server without authentication does without. */
const argon2 = () => import('@node-rs/argon2')

/** OWASP's least for Argon2id: 19 MiB, two passes; about 30 ms of one core. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** What everybody tries first. */
const common = new Set(
  '12345678 123456789 1234567890 password password1 passw0rd p@ssw0rd qwerty123 qwertyuiop iloveyou 11111111 00000000 abcd1234 abc12345 letmein1 welcome1 admin123 administrator changeme trustno1 football baseball sunshine princess superman 1q2w3e4r 1qaz2wsx asdfghjkl zaq12wsx outlast1'.split(
    ' ',
  ),
)

/** Contract: throws 400 at `path` for a password that is guessed first. Its length is the schema's matter. */
export function checkPassword(password: string, email: string, path = 'password'): void {
  const lower = password.toLowerCase()
  if (common.has(lower) || new Set(lower).size < 4) throw invalidAt(path, 'is too easy to guess')
  if (lower === email.toLowerCase() || lower === email.split('@')[0]!.toLowerCase()) {
    throw invalidAt(path, 'must not be the e-mail address')
  }
}

export async function hashPassword(password: string): Promise<string> {
  const { hash } = await argon2()
  return hash(password, cost)
}

let nobody: Promise<string> | undefined

/** True when the password is the account's. Takes as long where there is no account, or one without a password. */
export async function verifyPassword(hash: string | null | undefined, password: string) {
  const { verify } = await argon2()
  nobody ??= hashPassword(randomBytes(16).toString('hex'))
  const matches = await verify(hash ?? (await nobody), password)
  return matches && hash != null
}
