import test from 'node:test'
import { newMasterKey } from '../../apps/server/src/secrets.ts'
import { beginTurns, finishTurns } from '../backup/conversation.ts'
import { startProcess, temporaryFolder } from '../process.ts'
import { startSystemPostgres } from './server.ts'

test('a dump taken while turns ran continues in a new database with all of them', async (t) => {
  const { before } = await temporaryFolder(t)
  const { urlOf, run } = await startSystemPostgres(t)
  const env = { SECRETS_ENCRYPTION_KEY: newMasterKey(), SHUTDOWN_GRACE_MS: '0' }
  // The role of docs/operations.md, and the commands of docs/backup-and-upgrade.md.
  run('psql', '--command=create role outlast login', urlOf('postgres'))
  const create = (name: string) => {
    run('createdb', `--maintenance-db=${urlOf('postgres')}`, '--owner=outlast', name)
    const revoke = `revoke connect, temporary on database ${name} from public`
    run('psql', `--command=${revoke}`, urlOf(name))
  }
  create('before')
  const first = await startProcess({ ...env, DATABASE_URL: urlOf('before', 'outlast') })
  before(() => first.stop())
  const begun = await beginTurns(t, first)
  run('pg_dump', '--format=custom', '--no-owner', '--file=outlast.dump', urlOf('before', 'outlast'))
  await first.crash()

  create('restored')
  run(
    'pg_restore',
    '--no-owner',
    '--role=outlast',
    '--exit-on-error',
    `--dbname=${urlOf('restored')}`,
    'outlast.dump',
  )
  const second = await startProcess({ ...env, DATABASE_URL: urlOf('restored', 'outlast') })
  before(() => second.stop())
  await finishTurns(t, second, begun)
})
