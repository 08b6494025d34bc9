import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Event, OnBusy } from '@outlast/contract'
import { builtins } from '../../apps/server/src/capabilities/index.ts'
import { type Call, startServer } from '../../apps/server/test/server.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { beginProcess, type ServerProcess, startProcess } from '../process.ts'
import { recording } from './recording.ts'

const entry = fileURLToPath(new URL('node-main.ts', import.meta.url))
const cache = fileURLToPath(new URL('../../node_modules/.cache/outlast', import.meta.url))

/** Runs cleanups after the test. */
export type Scope = Pick<TestContext, 'after'>

/**
 * A scope that stops its resources in reverse order: nodes before their database. Resources started
 * after a failed test are stopped at once, else its process would never end.
 */
export function scopeOf(t: TestContext): Scope {
  const stack: (() => unknown)[] = []
  let isOver = false
  t.after(async () => {
    isOver = true
    for (let work = stack.pop(); work; work = stack.pop()) await work()
  })
  return {
    after(work) {
      stack.push(work as () => unknown)
      if (isOver) void stack.pop()!()
    },
  }
}

export type Node = { call: Call; url: string }

export type NodeOptions = {
  /** Absent: the node starts a database of its own. */
  databaseUrl?: string
  worldUrl: string
  env?: Record<string, string>
  /** The program of a node in its own process. */
  program?: string
}

/** The test ends tools and model calls, on a loaded machine after minutes. */
const patience = { TOOL_TIMEOUT_MS: '600000', MODEL_TIMEOUT_MS: '600000' }

/** A node in its own process, killed at the latest when the test is over. */
export async function startNode(
  t: Scope,
  { databaseUrl, worldUrl, env, program = entry }: NodeOptions,
): Promise<ServerProcess> {
  const settings = {
    ...patience,
    WORLD_URL: worldUrl,
    NODE_COMPILE_CACHE: cache,
  }
  // Tests that break an embedded database are about the waits of the product.
  const starting =
    databaseUrl === undefined
      ? beginProcess({ ...settings, ...env }, program).ready
      : startProcess({ ...settings, DATABASE_URL: databaseUrl, ...env }, program)
  const node = await starting
  t.after(async () => {
    if (node.child.exitCode === null && node.child.signalCode === null) await node.crash()
  })
  return node
}

/** A node in this process. */
export function startNodeHere(
  t: Scope,
  { databaseUrl, worldUrl, env }: NodeOptions & { databaseUrl: string },
) {
  return startServer(t, {
    databaseUrl,
    env: { ...patience, ...env },
    capabilities: [...builtins, recording(worldUrl)],
  })
}

/** Turns that nodes have taken from each other: on a loaded machine a node can lose its lease. */
export async function takeoversOf(nodes: Node[]): Promise<number> {
  const counts = nodes.map(async (node) => {
    const { body } = await node.call('GET', '/metrics')
    return Number(/^outlast_takeovers_total (\d+)/m.exec(body)![1])
  })
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
}

/** Resolves when a process is gone. */
export async function gone({ child }: ServerProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

const pauseMs = 50

type Caller = Pick<Node, 'call'>

/** Posts under a key until the response is a success, as a careful client does. */
export async function postUntilAnswered(
  node: Caller,
  path: string,
  { body, key, signal }: { body?: unknown; key: string; signal?: AbortSignal | undefined },
) {
  for (;;) {
    const headers = { 'idempotency-key': key }
    const answer = await node.call('POST', path, body, headers).catch(() => undefined)
    if (answer && answer.status < 300) return answer
    const isBusy = answer?.status === 503 || answer?.status === 429
    if (answer && !isBusy && answer.body.code !== 'idempotency_in_progress') {
      throw new Error(`${path} was refused: ${JSON.stringify(answer.body)}`)
    }
    if (signal?.aborted) return undefined
    await sleep(pauseMs)
  }
}

type Said = { text: string; key: string; onBusy?: OnBusy; signal?: AbortSignal }

/** Posts a message under a key until it is accepted. */
export function postUntilAccepted(
  node: Caller,
  sessionId: string,
  { text, key, onBusy, signal }: Said,
) {
  const message = { content: [{ type: 'text', text }] }
  const body = { message, ...(onBusy && { on_busy: onBusy }) }
  return postUntilAnswered(node, `/v1/sessions/${sessionId}/messages`, { body, key, signal })
}

/** A stream, as soon as the node has a connection of its database for the request. */
export async function followSoon(
  scope: Scope,
  { url }: { url: string },
  sessionId: string,
  query = '',
) {
  for (;;) {
    const stream = await follow(scope, url, { sessionId, query })
    const { status } = stream.response
    if (status === 200) return stream
    if (![429, 503].includes(status)) throw new Error(`refused with ${status}`)
    await sleep(pauseMs)
  }
}

/**
 * Follows a session until it is idle and returns the events of the stream. Reconnects, as clients
 * do, when the stream is closed because the node's database is away.
 */
export async function untilIdle(scope: Scope, node: Node, sessionId: string): Promise<Event[]> {
  for (;;) {
    const stream = await followSoon(scope, node, sessionId)
    const idled = await stream.event('session.idled').catch(() => undefined)
    if (idled) return stream.events
    const last = stream.frames.at(-1)
    assert.equal(last?.event, 'disconnecting', 'a stream ends with the reason')
    assert.equal(JSON.parse(last!.data!).reason, 'database_unavailable')
  }
}
