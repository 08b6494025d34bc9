import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { createSession, eventsOf, replyOf } from '../../../apps/server/test/session.ts'
import { follow } from '../../../apps/server/test/stream.ts'
import { auditLog } from '../audit.ts'
import { type Node, postUntilAccepted, startNode, startNodeHere, untilIdle } from '../scenario.ts'
import { type ChatMessage, worldlySession } from '../world.ts'
import { type Boundary, type Stage, setStage, testWalk } from './walk.ts'

const write = (path: string) => ({ name: 'write_file', arguments: { path, content: path } })

/** Writes two files side by side, deletes one of them, and reports the results. */
function reply(prompt: ChatMessage[]) {
  const results = prompt.filter(({ role }) => role === 'tool').map(({ content }) => content)
  if (results.length === 0) return [write('/kept/a.txt'), write('/gone.txt')]
  if (results.length === 2) return [{ name: 'delete_file', arguments: { path: '/gone.txt' } }]
  return [`Results: ${results.join(' ')}`]
}

/** The writes that change files, and those before them. */
const isFileWrite = (label: string) => /^(keep-blob|append-file-events|commit$)/.test(label)

const stageFor = (t: TestContext) => setStage(t, { reply, isWrite: isFileWrite })

async function begin({ world }: Stage, node: Node) {
  const { agent } = await worldlySession(node, world)
  const capabilities = [{ ref: 'session_file_system' }]
  return (await createSession(node, { agent_id: agent.id, capabilities })).id
}

const asking = { text: 'Tidy up.', key: 'tidy' }

/** Invariants of every run: every change is in the log once, and the files match the log. */
async function auditEnd(node: Node, sessionId: string) {
  const events = await eventsOf(node, sessionId)
  auditLog(events)
  const changes = events.flatMap((event) =>
    event.type === 'files.changed'
      ? event.data.changes.map(({ change, path }) => `${change} ${path}`)
      : [],
  )
  const expected = ['created /gone.txt', 'created /kept/a.txt', 'deleted /gone.txt']
  assert.deepEqual(changes.toSorted(), expected)
  const { body } = await node.call('GET', `/v1/sessions/${sessionId}/fs?recursive=true`)
  const paths = body.data.map(({ path }: { path: string }) => path)
  assert.deepEqual(paths, ['/kept', '/kept/a.txt'])
  const kept = await node.call('GET', `/v1/sessions/${sessionId}/fs/kept/a.txt`)
  assert.equal(kept.body.content, '/kept/a.txt')
  const said = replyOf(events)
  assert.equal(said.split('"created":true').length, 3, said)
  assert.match(said, /"deleted":true|had changed files. Its result is lost/)
}

async function undisturbed(t: TestContext): Promise<string[]> {
  const stage = await stageFor(t)
  const where = { databaseUrl: stage.proxy.url, worldUrl: stage.world.url }
  const node = await startNodeHere(stage.scope, where)
  const id = await begin(stage, node)
  stage.arm()
  await postUntilAccepted(node, id, asking)
  await untilIdle(stage.scope, node, id)
  await auditEnd(node, id)
  return stage.writes
}

async function killAt(t: TestContext, { boundary }: { writes: string[]; boundary: Boundary }) {
  const stage = await stageFor(t)
  const { world, databaseUrl, scope } = stage
  const node = await startNode(scope, { databaseUrl: stage.proxy.url, worldUrl: world.url })
  const id = await begin(stage, node)
  const dead = new AbortController()
  stage.arm(boundary, () => {
    node.child.kill('SIGKILL')
    dead.abort()
  })
  await postUntilAccepted(node, id, { ...asking, signal: dead.signal })
  await stage.runsUpTo(untilIdle(scope, node, id))
  node.child.kill('SIGKILL')
  const survivor = await startNodeHere(scope, { databaseUrl, worldUrl: world.url })
  await postUntilAccepted(survivor, id, asking)
  const stream = await follow(scope, survivor.url, { sessionId: id })
  await stream.event('session.idled')
  await auditEnd(survivor, id)
}

testWalk(
  'kill -9 around a change of files: it is made once, completely, and in the log',
  undisturbed,
  killAt,
)
