/** A product with users of its own, which a server asks about its callers. */
import type { TestContext } from 'node:test'
import type { Auth, VerifiedUser } from '../../../apps/server/src/authoring/config.ts'
import { emptyProject, type Project } from '../../../apps/server/src/authoring/project.ts'
import { callerWith, signInAdmin, startGuarded } from '../../../apps/server/test/access.ts'
import type { ServerOptions } from '../../../apps/server/test/server.ts'

type Result = VerifiedUser | null
type Asking = { request: Request; result: Result }

/** A project with a `verify`. */
export const projectWith = (verify: Auth['verify']): Project => ({
  ...emptyProject,
  auth: { verify },
})

/** A product whose users have a secret each, which they send in a header or in the cookie `sid`. */
export function product(users: Record<string, unknown>) {
  const asked: Asking[] = []
  const known = new Map<string, unknown>(Object.entries(users))
  const verify = async (request: Request) => {
    const { headers } = request
    const secret =
      headers.get('authorization')?.replace('Product ', '') ??
      /\bsid=([^;]+)/.exec(headers.get('cookie') ?? '')?.[1] ??
      ''
    const found = known.get(secret) ?? null
    const result = (typeof found === 'function' ? await found(request) : found) as Result
    asked.push({ request, result })
    return result
  }
  return { known, asked, verify }
}

export async function startWithUsers(
  t: TestContext,
  users: Record<string, unknown>,
  options: ServerOptions = {},
) {
  const made = product(users)
  const project = projectWith(made.verify)
  const server = await startGuarded(t, { ...options, project })
  const as = (secret: string, more: Record<string, string> = {}) =>
    callerWith(server.url, `Product ${secret}`, more)
  return { ...made, server, as, admin: await signInAdmin(server) }
}
