import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Event } from '@outlast/contract'
import { createLog } from '../../../apps/server/src/log.ts'
import { startEmbedded } from '../../../apps/server/src/store/embedded/embedded.ts'
import { copyDataDir } from '../../../apps/server/test/processes/data-dir.ts'
import { fill, mountDisk } from '../../../apps/server/test/processes/disk.ts'
import { insistent } from '../../../apps/server/test/server.ts'
import { createSession, post, replyOf } from '../../../apps/server/test/session.ts'
import { startPostgresProxy } from '../../postgres-proxy.ts'
import type { ServerProcess } from '../../process.ts'
import { auditLog } from '../audit.ts'
import { gatedWorld } from '../gates.ts'
import {
  type Node,
  postUntilAccepted,
  type Scope,
  scopeOf,
  startNode,
  untilIdle,
} from '../scenario.ts'
import { startWorld, type World, worldlySession } from '../world.ts'

async function folderOf(scope: Scope) {
  const folder = await mkdtemp(path.join(tmpdir(), 'outlast-'))
  scope.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  await copyDataDir(folder)
  return folder
}

async function signalPostgres(dataDir: string, signal: NodeJS.Signals) {
  const pidFile = await readFile(path.join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')
  process.kill(Number(pidFile.split('\n')[0]), signal)
}

const words = ['text in the middle', 'look in the middle', 'pay in the middle']

/** A node, and turns in the middle of text and of tools. */
async function midway(t: TestContext, dataDirOf: (scope: Scope) => Promise<string>) {
  const scope = scopeOf(t)
  const gates = gatedWorld()
  const world = await startWorld(scope, gates)
  const dataDir = await dataDirOf(scope)
  const node = await startNode(scope, { worldUrl: world.url, env: { DATA_DIR: dataDir } })
  scope.after(() => node.stop())
  const { agent } = await worldlySession(node, world)
  const client = { ...node, call: insistent(node.call) }
  const ids = []
  for (const text of words) {
    const { id } = await createSession(client, { agent_id: agent.id })
    await post(client, id, text)
    await gates.gate(text).reached
    ids.push(id)
  }
  return { scope, node, agent, gates, world, dataDir, ids }
}

/** Every turn ended well, and no model call or tool ran twice. */
async function auditEnds(scope: Scope, { node, world, ids }: Ends) {
  for (const [index, id] of ids.entries()) {
    const events = stored(await untilIdle(scope, node, id))
    auditLog(events)
    assert.match(replyOf(events), new RegExp(words[index]!))
    assert.ok(events.every(({ data }) => !JSON.stringify(data).includes('interrupted')))
  }
  const asked = world.prompts.filter((prompt) => JSON.stringify(prompt).includes('in the middle'))
  assert.equal(asked.length, 1 + 2 + 2, 'no request is repeated')
  assert.deepEqual(world.effects.map(({ tool }) => tool).sort(), ['look', 'pay'])
}

const stored = (events: Event[]) => events.filter(({ sequence }) => sequence !== undefined)

type Ends = { node: Node; world: World; ids: string[] }

for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
  test(`PostgreSQL ends by ${signal} during appends: turns continue in place`, async (t) => {
    const { scope, gates, dataDir, ...ends } = await midway(t, folderOf)
    await signalPostgres(dataDir, signal)
    for (const text of words) gates.gate(text).open()
    await auditEnds(scope, ends)
    assert.equal(ends.node.child.exitCode, null)
  })
}

test('PostgreSQL is killed between the take of a turn and the deletion of its job', async (t) => {
  const scope = scopeOf(t)
  const world = await startWorld(scope, gatedWorld())
  const dataDir = await folderOf(scope)
  const { url, stop } = await startEmbedded({
    dataDir,
    log: createLog('silent'),
    onFatal: assert.ifError,
  })
  scope.after(stop)
  let isTaken = false
  let struck: Promise<void> | undefined
  const proxy = await startPostgresProxy(url, {
    onStatement(label) {
      isTaken ||= label === 'take-turn'
      if (struck || !isTaken || !ofQueue(label)) return undefined
      const kill = () => {
        struck = signalPostgres(dataDir, 'SIGKILL')
      }
      return { when: 'before', act: kill }
    },
  })
  scope.after(proxy.close)
  const where = { databaseUrl: proxy.url, worldUrl: world.url }
  const node = await startNode(scope, { ...where, env: { WORKER_SLOTS: '1' } })
  scope.after(() => node.stop())
  const { agent, session } = await worldlySession(node, world)
  await post({ ...node, call: insistent(node.call) }, session.id, 'hello')
  await untilIdle(scope, node, session.id)
  const { id } = await createSessionSoon(node, agent.id)
  await postUntilAccepted(node, id, { text: 'hello again', key: 'again' })
  const again = await untilIdle(scope, node, id)
  await struck
  assert.ok(struck, 'PostgreSQL was killed')
  auditLog(stored(await untilIdle(scope, node, session.id)))
  auditLog(stored(again))
  assert.equal(world.prompts.length, 2)
  assert.equal(node.child.exitCode, null, node.output())
})

/** Labels of the queue's statements name its schema. */
const ofQueue = (label: string) => label.includes('graphile_worker')

async function createSessionSoon(node: Node, agentId: string) {
  for (;;) {
    const answer = await node.call('POST', '/v1/sessions', { agent_id: agentId })
    if (answer.status === 201) return answer.body as { id: string }
    assert.equal(answer.status, 503, JSON.stringify(answer.body))
    await sleep(100)
  }
}

test('a disk that is full during appends: requests are refused, turns wait for space', async (t) => {
  const mounted = scopeOf(t)
  const disk = await smallDisk(mounted)
  if (!disk) return t.diagnostic('no disk can be mounted here')
  const { scope, gates, dataDir, ...ends } = await midway(t, async () => path.join(disk, 'data'))
  const { node, agent } = ends
  const client = { ...node, call: insistent(node.call) }
  const { id } = await createSession(client, { agent_id: agent.id })
  await post(client, id, 'text beside them')
  const filler = path.join(disk, 'filler')
  await fill(filler)
  await untilRefused(node, id)
  const waiting = untilComplaint(node, /waiting for the database/)
  for (const text of words) gates.gate(text).open()
  await waiting
  await rm(filler)
  await auditEnds(scope, ends)
  gates.gate('text beside them').open()
  auditLog(stored(await untilIdle(scope, node, id)))
  assert.equal(ends.node.child.exitCode, null)
})

/** Resolves when the node logs the next error. */
async function untilComplaint({ child, output }: ServerProcess, what: RegExp) {
  const before = output().length
  while (!what.test(output().slice(before))) await once(child.stderr!, 'data')
}

/** Posts until a message is refused for lack of space. */
async function untilRefused(node: Node, sessionId: string) {
  for (let n = 1; n <= 5_000; n += 1) {
    const answer = await post(node, sessionId, `${n} ${'x'.repeat(4_000)}`)
    if (answer.status === 201) continue
    assert.deepEqual([answer.status, answer.body.code], [503, 'database_unavailable'])
    assert.ok(answer.headers.get('retry-after'))
    return
  }
  assert.fail('the disk is never full')
}

/** 150 MB of which a cluster takes some 40; undefined where this process may not mount. */
async function smallDisk(scope: Scope) {
  const disk = await folderOf(scope)
  await mkdir(disk, { recursive: true })
  const unmount = mountDisk(disk, 150)
  if (!unmount) return undefined
  scope.after(unmount)
  return disk
}
