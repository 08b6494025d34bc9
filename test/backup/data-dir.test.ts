import { cp } from 'node:fs/promises'
import path from 'node:path'
import test from 'node:test'
import { startProcess, temporaryFolder } from '../process.ts'
import { beginTurns, finishTurns } from './conversation.ts'

test('a server continues all sessions from a copy of the DATA_DIR of a stopped server', async (t) => {
  const { folder, before } = await temporaryFolder(t)
  const [DATA_DIR, copy] = [path.join(folder, 'data'), path.join(folder, 'restored')]
  const first = await startProcess({ DATA_DIR, SHUTDOWN_GRACE_MS: '0' })
  before(() => first.stop())
  const begun = await beginTurns(t, first)
  await first.stop()

  await cp(DATA_DIR, copy, { recursive: true })
  const second = await startProcess({ DATA_DIR: copy })
  before(() => second.stop())
  await finishTurns(t, second, begun)
})
