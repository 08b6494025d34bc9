import type { NewSessionToken } from '@outlast/contract'
import type { Grants } from '../../../access/grants.ts'
import { allows, checkAccount, type Principal } from '../../../access/principal.ts'
import { processClaim } from '../../../access/session-tokens.ts'
import { ApiError, invalidAt } from '../../../errors.ts'
import { modelScope } from '../../../providers/keys.ts'
import type { TokenMaker } from '../../../store/access/session-tokens.ts'
import type { Db } from '../../../store/database.ts'
import { checkModel } from '../../../store/models/models.ts'
import type { Api } from '../../core/api.ts'

export const tokenSecondsDefault = 900

type NewGrants = Omit<NewSessionToken, 'expires_in'>

/** The grants of a request; the least by default. Contract: throws 400 for unusable grants. */
export function grantsOf(body: NewGrants, { app }: Pick<Api, 'app'>): Grants {
  const grants: Grants = {
    access: body.access ?? 'read',
    models: [...new Set(body.models ?? [])],
    tool_results: [...new Set(body.tool_results ?? [])],
    view: body.view ?? 'chat',
    files: body.files ?? 'none',
    operations: body.operations ? [...new Set(body.operations)] : null,
  }
  const unknown = grants.operations?.findIndex((name) => !app.tokenOperations.has(name)) ?? -1
  if (unknown >= 0) throw invalidAt(`operations/${unknown}`, 'is no operation that tokens may use')
  if (grants.access !== 'read') return grants
  const needsWrite = 'needs `access: write`'
  if (grants.models.length > 0) throw invalidAt('models', needsWrite)
  if (grants.tool_results.length > 0) throw invalidAt('tool_results', needsWrite)
  if (grants.files === 'write') throw invalidAt('files', needsWrite)
  return grants
}

/**
 * Checks that a caller may give these grants.
 * Contract: throws 403 for more access than its own, and 400 for a model that is not available.
 */
export async function checkGivable(
  { config }: Api['node'],
  db: Db,
  { principal: { level, orgId }, grants }: { principal: Principal; grants: Grants },
): Promise<void> {
  const wanted = grants.access === 'read' ? 'read' : 'write'
  if (!allows(level, wanted)) throw new ApiError('forbidden', wanted)
  for (const [at, id] of grants.models.entries()) {
    await checkModel(db, modelScope(config, orgId), id, `models/${at}`)
  }
}

/** Contract: throws 403 for a user of the product, whose access cannot be checked later. */
export function makerOf(principal: Principal): TokenMaker {
  const { kind, id, userId, loginId } = principal
  if (kind === 'user') checkAccount(principal)
  if (kind === 'anonymous' || kind === 'server') return { userId: null, keyId: null, loginId: null }
  return { userId, keyId: kind === 'key' ? id : null, loginId: loginId ?? null }
}

/** The claim that names the creator of a token. */
export function makerClaim({ kind, id, userId }: Principal): string {
  if (kind === 'server') return processClaim
  return kind === 'key' ? `key:${id}` : `user:${userId}`
}
