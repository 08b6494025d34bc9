import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { copyDataDir } from '../../apps/server/test/processes/data-dir.ts'
import { eventsOf, post, replyOf } from '../../apps/server/test/session.ts'
import { auditLog } from './audit.ts'
import { followSoon, scopeOf, startNode, untilIdle } from './scenario.ts'
import { startWorld, worldlySession } from './world.ts'

/** Longer than a lease lasts without a renewal. */
const stuckMs = 1_600

/** A postmaster and its child processes, which are not in its process group. */
async function processesOf(dataDir: string): Promise<number[]> {
  const file = await readFile(path.join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')
  const postmaster = Number(file.split('\n')[0])
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
  return [postmaster, ...rows.filter(([, parent]) => parent === postmaster).map(([pid]) => pid!)]
}

test('a single server keeps streaming text while its database is stuck', async (t) => {
  const scope = scopeOf(t)
  const [more, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const world = await startWorld(scope, {
    async *reply() {
      yield 'One, '
      await more.promise
      yield 'two, '
      await end.promise
      yield 'three.'
    },
  })
  const dataDir = await mkdtemp(path.join(tmpdir(), 'outlast-'))
  scope.after(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }))
  await copyDataDir(dataDir)
  const node = await startNode(scope, { worldUrl: world.url, env: { DATA_DIR: dataDir } })
  scope.after(() => node.stop())
  const { session } = await worldlySession(node, world)
  const stream = await followSoon(scope, node, session.id)
  const told = () =>
    stream.events.map((event) => (event.type === 'output.message.delta' ? event.data.delta : ''))
  await post(node, session.id, 'count')
  await stream.until(() => told().join('') === 'One, ' || undefined)

  const stuck = await processesOf(dataDir)
  assert.ok(stuck.length > 1)
  const tell = (signal: NodeJS.Signals) => {
    for (const pid of stuck) {
      try {
        process.kill(pid, signal)
      } catch (error) {
        // A connection that was idle has ended meanwhile.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
  }
  let isStuck = true
  tell('SIGSTOP')
  scope.after(() => isStuck && tell('SIGCONT'))
  await sleep(stuckMs)
  more.resolve()
  await stream.until(() => told().join('') === 'One, two, ' || undefined)
  isStuck = false
  tell('SIGCONT')
  end.resolve()
  await untilIdle(scope, node, session.id)
  const events = await eventsOf(node, session.id)
  auditLog(events)
  assert.equal(replyOf(events), 'One, two, three.')
  assert.equal(world.prompts.length, 1)
})
