import type { Config } from '../config.ts'
import { ApiError } from '../errors.ts'
import type { Db } from '../store/database.ts'
import {
  type OrganizationUsage,
  readOrganizationUsage,
} from '../store/sessions/organization-usage.ts'

const bytesOfMb = 1_048_576
/** How long a node uses a reading while less than 90 % of the quota is used. */
const believedMs = 5_000
const nearShare = 0.9
const organizationsMax = 10_000

/**
 * The quotas of one organization. Counts are read every 5 s while they are far from the quota, and
 * at each request once they are near. Concurrent requests may exceed it by their number.
 */
export type Quotas = {
  /** Concurrent turns; null: any number. Checked by the statement that begins one. */
  turnsMax: number | null
  /** Those of one end user or channel user. */
  userTurnsMax: number | null
  /** Contract: throws 403 `quota_exceeded`. */
  checkSessions: (db: Db, orgId: string) => Promise<void> | undefined
  /** `bytes`: the size about to be stored, for large requests. */
  checkStorage: (db: Db, orgId: string, bytes?: number) => Promise<void> | undefined
  /** Reads all counts again: commits may be lost. */
  forget: () => void
}

type Checking = {
  what: string
  isFull: (stored: OrganizationUsage) => boolean
  adds: OrganizationUsage
}

export function createQuotas(config: Config): Quotas {
  const isOn = config.AUTH_MODE !== 'none'
  const sessionsMax = (isOn && config.QUOTA_SESSIONS) || Number.POSITIVE_INFINITY
  const bytesMax = (isOn && config.QUOTA_STORAGE_MB * bytesOfMb) || Number.POSITIVE_INFINITY
  const known = new Map<string, OrganizationUsage & { at: number }>()

  const isNear = ({ sessions, bytes }: OrganizationUsage) =>
    sessions >= sessionsMax * nearShare || bytes >= bytesMax * nearShare

  async function read(db: Db, orgId: string) {
    const found = { ...(await readOrganizationUsage(db, orgId)), at: performance.now() }
    if (known.size >= organizationsMax) known.clear()
    if (!isNear(found)) known.set(orgId, found)
    else known.delete(orgId)
    return found
  }

  /** `adds`: the amount that this request will add to the cached counts. */
  function check(db: Db, orgId: string, { what, isFull, adds }: Checking) {
    const found = known.get(orgId)
    if (found && performance.now() - found.at < believedMs && !isNear(found)) {
      add(found, adds)
      return undefined
    }
    return read(db, orgId).then((stored) => {
      if (isFull(stored)) throw new ApiError('quota_exceeded', what)
      add(stored, adds)
    })
  }

  return {
    forget: () => known.clear(),
    turnsMax: (isOn && config.QUOTA_TURNS) || null,
    userTurnsMax: (isOn && config.TURNS_PER_END_USER) || null,
    checkSessions: (db, orgId) =>
      sessionsMax === Number.POSITIVE_INFINITY
        ? undefined
        : check(db, orgId, {
            what: `${sessionsMax} sessions`,
            isFull: ({ sessions }) => sessions >= sessionsMax,
            adds: { sessions: 1, bytes: 0 },
          }),
    checkStorage: (db, orgId, adding = 0) =>
      bytesMax === Number.POSITIVE_INFINITY
        ? undefined
        : check(db, orgId, {
            what: `${config.QUOTA_STORAGE_MB} MB`,
            isFull: ({ bytes }) => bytes >= bytesMax,
            adds: { sessions: 0, bytes: adding },
          }),
  }
}

function add(stored: OrganizationUsage, { sessions, bytes }: OrganizationUsage): void {
  stored.sessions += sessions
  stored.bytes += bytes
}
