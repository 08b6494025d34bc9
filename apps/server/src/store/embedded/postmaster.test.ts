import assert from 'node:assert/strict'
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import pg from 'pg'
import { reservePort } from '../../../../../test/ports.ts'
import { findSystemAccount } from './account.ts'
import { findBinaries } from './binaries.ts'
import { ensureCluster } from './cluster.ts'
import { makeDataDir } from './data-dir.ts'
import { type Postmaster, startPostmaster } from './postmaster.ts'

/**
 * A postgres like one that a container restarts: with the pid of its predecessor, after a pause.
 */
const slowWithSamePid = (postgres: string) => `#!/bin/sh
text=$(sed "1s/.*/$$/" postmaster.pid)
echo "$text" > postmaster.pid
sleep 1
exec "${postgres}" "$@"
`

test('waits for a postgres that gets the pid of a killed one', async (t) => {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'outlast test '))
  let second: Postmaster | undefined
  t.after(async () => {
    await second?.stop()
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
  })
  await makeDataDir(dataDir)
  await chmod(dataDir, 0o755)
  const cluster = path.join(dataDir, 'postgres')
  const account = await findSystemAccount(cluster)
  const binaries = await findBinaries(dataDir, account)
  const place = { dataDir, cluster, account, binaries, settings: {} }
  const password = await ensureCluster(place)
  const pidFile = path.join(cluster, 'postmaster.pid')

  const first = await startPostmaster({ ...place, port: Number(await reservePort()) })
  const leftBehind = await readFile(pidFile)
  assert.match(leftBehind.toString(), /\nready/)
  await first.stop()
  await writeFile(pidFile, leftBehind)
  if (account) await chown(pidFile, account.uid, account.gid)

  const postgres = path.join(dataDir, 'slow-postgres')
  await writeFile(postgres, slowWithSamePid(binaries.postgres), { mode: 0o755 })
  const again = { ...place, binaries: { ...binaries, postgres } }
  const port = Number(await reservePort())
  second = await startPostmaster({ ...again, port })
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.end()
})
