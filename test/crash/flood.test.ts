import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { createSession, eventsOf, post, replyOf } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { auditLog } from './audit.ts'
import { gatedWorld } from './gates.ts'
import { type Node, type Scope, scopeOf, startNode } from './scenario.ts'
import { type Piece, startWorld, type WorldOptions, worldlySession } from './world.ts'

async function setStage(t: TestContext, options: WorldOptions) {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const world = await startWorld(scope, options)
  const node = await startNode(scope, { databaseUrl, worldUrl: world.url })
  return { scope, world, node, ...(await worldlySession(node, world)) }
}

/** Short conversations in separate sessions, one after the other, until aborted. */
function chat(scope: Scope, node: Node, agentId: string) {
  let over = false
  let answered = 0
  const talking = (async () => {
    while (!over) {
      const { id } = await createSession(node, { agent_id: agentId })
      const stream = await follow(scope, node.url, { sessionId: id })
      await post(node, id, 'hello')
      await stream.event('session.idled')
      assert.match(replyOf(stream.events), /hello/)
      stream.close()
      answered += 1
    }
  })()
  return {
    answered: () => answered,
    async stop() {
      over = true
      await talking
      return answered
    },
  }
}

const messages = 2_000
const atOnce = 8

test(`${messages} messages to one busy session are all stored and answered by few turns`, async (t) => {
  const gates = gatedWorld()
  const { scope, world, node, agent, session } = await setStage(t, gates)
  await post(node, session.id, 'text')
  await gates.gate('text').reached
  const others = chat(scope, node, agent.id)
  let next = 0
  const flood = async () => {
    while (next < messages) {
      next += 1
      const { status } = await post(node, session.id, `message ${next};`)
      assert.equal(status, 201)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, flood))
  const answered = await others.stop()
  assert.ok(answered > 10, `only ${answered} others were answered meanwhile`)
  const query = `?after_sequence=${(await eventsOf(node, session.id)).length}`
  const stream = await follow(scope, node.url, { sessionId: session.id, query })
  gates.gate('text').open()
  await stream.event('session.idled')
  const asked = JSON.stringify(world.prompts.at(-1))
  const unseen = Array.from({ length: messages }, (_, n) => n + 1).filter(
    (n) => !asked.includes(`message ${n};`),
  )
  assert.deepEqual(unseen, [], 'the model received every message')
  const started = stream.events.filter(({ type }) => type === 'turn.started')
  assert.ok(started.length <= 2, `${started.length} turns`)
  const log = await eventsOf(node, session.id)
  auditLog(log)
  assert.equal(log.filter(({ type }) => type === 'input.message').length, messages + 1)
})

const piece = 'ten letter'.repeat(1_000)
const pieces = 400
const piecePauseMs = 5
const deafClients = 20
/** Other conversations that are answered before the long reply ends. */
const othersMin = 3
/** A copy for each client would be ten times the streamed bytes; without copies it is a third. */
const growthBytesMax = 600 * 1024 * 1024

test('clients that never read megabytes of streamed text cost little memory and do not delay others', async (t) => {
  async function* reply(prompt: { content?: unknown }[]): AsyncGenerator<Piece> {
    if (prompt.at(-1)!.content !== 'much') return yield `You said: ${prompt.at(-1)!.content}`
    for (let n = 0; n < pieces; n += 1) {
      yield piece
      await sleep(piecePauseMs)
    }
    while (others.answered() < othersMin) await sleep(piecePauseMs)
  }
  const { scope, node, agent, session } = await setStage(t, { reply })
  const { hostname, port } = new URL(node.url)
  for (let n = 0; n < deafClients; n += 1) {
    const socket = connect(Number(port), hostname)
    scope.after(() => socket.destroy())
    socket.on('error', () => {}).pause()
    socket.write(`GET /v1/sessions/${session.id}/sse HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`)
  }
  const query = '?accumulated=false'
  const stream = await follow(scope, node.url, { sessionId: session.id, query })
  const others = chat(scope, node, agent.id)
  const memory = await watchMemory(node.child.pid!)
  scope.after(memory.stop)
  await post(node, session.id, 'much')
  await stream.event('session.idled')
  const growth = await memory.stop()
  assert.ok((await others.stop()) >= othersMin)
  const heard = stream.events.filter((event) => event.type === 'output.message.delta')
  const text = heard.map(({ data }) => data.delta).join('')
  assert.ok(text === piece.repeat(pieces), `${text.length} of ${piece.length * pieces} characters`)
  assert.ok(growth < growthBytesMax, `${growth >> 20} MB more`)
  t.diagnostic(`${growth >> 20} MB more for ${deafClients} clients`)
})

/**
 * `stop` returns the largest growth of a process in bytes. Contract: reads no process after that.
 */
async function watchMemory(pid: number) {
  const before = await residentBytes(pid)
  let most = before
  let over = false
  const watching = (async () => {
    while (!over) {
      most = Math.max(most, await residentBytes(pid))
      await sleep(50)
    }
  })()
  return {
    async stop() {
      over = true
      await watching
      return most - before
    },
  }
}

async function residentBytes(pid: number) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024
}
