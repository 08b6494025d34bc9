import { checkAccess } from './access.ts'
import { checkAddress } from './address.ts'
import type { Finding } from './finding.ts'
import { checkModels } from './models.ts'
import { checkNodes } from './nodes.ts'
import { checkClock, checkDatabase, checkServer, checkVersion } from './server.ts'
import { checkSettings } from './settings.ts'
import { checkStream, type Listening } from './stream.ts'
import type { Visit } from './visit.ts'

/**
 * Runs all checks, from this machine to the server. A failed check ends the ones that depend on it.
 * Contract: each check has a time limit. Throws only the signal's reason, on abort.
 */
export async function* examine(
  visit: Visit,
  listening: Listening,
): AsyncGenerator<Finding, void, undefined> {
  yield checkSettings(visit)
  visit.waiting(`a server listens at ${visit.url.host}`)
  const address = await checkAddress(visit)
  yield address
  if (address.verdict === 'wrong') return

  visit.waiting('the server answers')
  const { finding, health } = await checkServer(visit)
  yield finding
  if (!health || finding.verdict === 'wrong') return
  yield checkVersion(health)
  yield checkClock(visit)
  const database = await checkDatabase(visit, health)
  yield database
  if (database.verdict === 'wrong') return

  const access = await checkAccess(visit, health)
  yield access
  if (access.verdict === 'wrong') return
  yield* checkModels(visit)
  yield* checkNodes(visit)
  yield await checkStream(visit, listening)
}

/** Whether no Outlast server answers. */
export const isUnreachable = (findings: readonly Finding[]) =>
  findings.some(
    ({ check, verdict }) => verdict === 'wrong' && (check === 'address' || check === 'server'),
  )
