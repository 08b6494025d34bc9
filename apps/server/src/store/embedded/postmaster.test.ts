import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import pg from 'pg'
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

/** A free port below those that a system gives to other programs until PostgreSQL listens. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    const probe = createServer().listen(port, '127.0.0.1')
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    )
    if (!isFree) continue
    await new Promise((resolve) => probe.close(resolve))
    return port
  }
}

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

  const first = await startPostmaster({ ...place, port: await freePort() })
  const leftBehind = await readFile(pidFile)
  assert.match(leftBehind.toString(), /\nready/)
  await first.stop()
  await writeFile(pidFile, leftBehind)
  if (account) await chown(pidFile, account.uid, account.gid)

  const postgres = path.join(dataDir, 'slow-postgres')
  await writeFile(postgres, slowWithSamePid(binaries.postgres), { mode: 0o755 })
  const again = { ...place, binaries: { ...binaries, postgres } }
  const port = await freePort()
  second = await startPostmaster({ ...again, port })
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.end()
})
