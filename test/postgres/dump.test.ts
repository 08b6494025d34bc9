import test from 'node:test'
import { newMasterKey } from '../../apps/server/src/secrets.ts'
import { beginTurns, finishTurns } from '../backup/conversation.ts'
import { startProcess, temporaryFolder } from '../process.ts'
import { startSystemPostgres } from './server.ts'

test('a dump taken while turns ran continues in a new database with all of them', async (t) => {
  const { before } = await temporaryFolder(t)
  const { urlOf, run } = await startSystemPostgres(t)
  const env = { SECRETS_ENCRYPTION_KEY: newMasterKey(), SHUTDOWN_GRACE_MS: '0' }
  for (const name of ['before', 'restored'])
    run('createdb', `--maintenance-db=${urlOf('postgres')}`, name)
  const first = await startProcess({ ...env, DATABASE_URL: urlOf('before') })
  before(() => first.stop())
  const begun = await beginTurns(t, first)
  run('pg_dump', '--format=custom', '--no-owner', '--file=outlast.dump', urlOf('before'))
  await first.crash()

  run(
    'pg_restore',
    '--no-owner',
    '--exit-on-error',
    `--dbname=${urlOf('restored')}`,
    'outlast.dump',
  )
  const second = await startProcess({ ...env, DATABASE_URL: urlOf('restored') })
  before(() => second.stop())
  await finishTurns(t, second, begun)
})
