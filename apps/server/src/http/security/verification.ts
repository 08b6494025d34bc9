import { OrganizationId, Role, Scope, ShownName } from '@outlast/contract'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { levelOf, levelOfKey, type Principal } from '../../access/principal.ts'
import type { Auth, VerifiedUser } from '../../authoring/config.ts'
import { explainProblems, problemsOf } from '../../capabilities/schemas/validation.ts'
import { ApiError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { findOrganization } from '../../store/access/organizations.ts'
import type { Db } from '../../store/database.ts'
import { defaultOrganization } from '../../store/models/seeds.ts'
import { TimeLimitError, withTimeLimit } from '../../time-limit.ts'
import { checkOriginOfCookie, credentialOf } from './credential.ts'
import { createFailureLog } from './verification-log.ts'
import { webRequestOf } from './web-request.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Identifies the caller again. Undefined for callers with a credential of this server. */
    verifyAgain: (() => Promise<boolean>) | undefined
  }
}

const verifyMs = 5_000
const againMs = 5_000
/** In a row, after which a stream ends. */
const lateAnswersMax = 3
const userLengthMax = 200

/** Begins the id of each verified user, so that it never equals an id of an account. */
const userPrefix = 'product:'

const VerifiedUserShape = Type.Object(
  {
    user: Type.String({
      minLength: 1,
      maxLength: userLengthMax,
      pattern: String.raw`^[^\x00-\x1f\x7f]*$`,
    }),
    name: Type.Optional(ShownName),
    organization: Type.Optional(OrganizationId),
    role: Type.Optional(Role),
    scopes: Type.Optional(Type.Array(Scope, { minItems: 1 })),
  },
  { additionalProperties: false },
)

type Options = {
  auth: Auth
  db: Db
  /** True for a credential of this server, valid or not. */
  isOwn: (credential: string) => boolean
  log: Log
}

/** Identifies the users of the product with the project's `auth.verify`. */
export type Verification = {
  /** The request's credential of this server, or the error of a request that has none. */
  ownCredential: (request: FastifyRequest) => string | ApiError
  /**
   * Contract: throws `refusal` for an unknown caller, 401 `verification_failed` when `verify`
   * fails, and 404 for an organization that does not exist.
   */
  identify: (request: FastifyRequest, refusal: ApiError) => Promise<Principal>
}

export function createVerification({ auth, db, isOwn, log }: Options): Verification {
  const report = createFailureLog(log)

  async function ask(request: FastifyRequest): Promise<Principal | null> {
    const user: unknown = await withTimeLimit({ timeoutMs: verifyMs }, (signal) =>
      auth.verify(webRequestOf(request, { signal, isOwn })),
    )
    return user === null ? null : principalOf(checkedUser(user))
  }

  function failed(request: FastifyRequest, error: unknown): never {
    report(request, error)
    throw new ApiError('verification_failed')
  }

  const exists = async ({ orgId }: Principal) =>
    orgId === defaultOrganization || (await findOrganization(db, orgId)) !== undefined

  /** Asks again. Contract: throws for the first answers in a row that are late. */
  function asking(request: FastifyRequest) {
    let lateAnswers = 0
    return async () => {
      try {
        const now = await ask(request)
        lateAnswers = 0
        return now
      } catch (error) {
        lateAnswers += 1
        if (error instanceof TimeLimitError && lateAnswers < lateAnswersMax) throw error
        return failed(request, error)
      }
    }
  }

  async function isSame(
    again: () => Promise<Principal | null>,
    before: Principal,
  ): Promise<boolean> {
    try {
      const now = await again()
      const fits = now?.id === before.id && now.orgId === before.orgId && now.level === before.level
      return fits && (await exists(before))
    } catch (error) {
      if (error instanceof ApiError) return false
      throw error
    }
  }

  return {
    ownCredential(request) {
      try {
        const credential = credentialOf(request)
        return isOwn(credential) ? credential : new ApiError('invalid_token')
      } catch (error) {
        if (error instanceof ApiError && error.code !== 'key_in_query') return error
        throw error
      }
    },
    async identify(request, refusal) {
      const { authorization, cookie } = request.headers
      if (!authorization && cookie !== undefined) checkOriginOfCookie(request)
      const principal = await ask(request).catch((error) => failed(request, error))
      if (!principal) throw refusal
      if (!(await exists(principal))) throw new ApiError('not_found', 'Organization')
      const again = asking(request)
      // Assigned where it is written, it would keep the request in memory: see `limitQueries`.
      const verifyAgain = () => isSame(again, principal)
      request.verifyAgain = verifyAgain
      return principal
    },
  }
}

/** Contract: throws an error that names the fields, and contains no value. */
function checkedUser(user: unknown): VerifiedUser {
  const problems = problemsOf(VerifiedUserShape, user)
  if (problems.length > 0) {
    throw new Error(`auth.verify returned an invalid result: ${explainProblems(problems, 'it')}`)
  }
  const { user: id } = user as VerifiedUser
  if (!id.isWellFormed()) throw new Error('auth.verify returned an invalid result: user')
  return user as VerifiedUser
}

function principalOf({ user, name, organization, role = 'member', scopes }: VerifiedUser) {
  const level = scopes ? levelOfKey([...scopes], role) : levelOf(role)
  // As for keys: only a caller with all permissions of an owner may appoint owners.
  const isFull = scopes === undefined || scopes.includes('*')
  const id = `${userPrefix}${user}`
  const principal: Principal = {
    kind: 'user',
    isVerified: true,
    id,
    userId: id,
    name: name ?? user,
    orgId: organization ?? defaultOrganization,
    role: role === 'owner' && !isFull ? 'admin' : role,
    level: level!,
  }
  return principal
}

/**
 * Calls `ended` once `verify` does not identify the caller of a request any more. Returns a
 * function that ends the watch.
 */
export function watchVerified(again: () => Promise<boolean>, log: Log, ended: () => void) {
  let timer: NodeJS.Timeout | undefined
  const later = () => {
    timer = setTimeout(() => void look(), againMs)
  }
  async function look() {
    timer = undefined
    try {
      if (!(await again())) return ended()
    } catch (error) {
      log.warn('the caller of a stream could not be checked; trying again', { error })
    }
    if (!isOver) later()
  }
  let isOver = false
  later()
  return () => {
    isOver = true
    clearTimeout(timer)
  }
}
