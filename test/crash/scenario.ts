import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { builtins } from '../../apps/server/src/capabilities/index.ts'
import { type Call, startServer } from '../../apps/server/test/server.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { type ServerProcess, startProcess } from '../process.ts'
import { recording } from './recording.ts'

const entry = fileURLToPath(new URL('node-main.ts', import.meta.url))
const cache = fileURLToPath(new URL('../../node_modules/.cache/outlast', import.meta.url))

/** Whoever needs something cleared away after the test. */
export type Scope = Pick<TestContext, 'after'>

/** A scope in which what was started last is stopped first: nodes before their database. */
export function scopeOf(t: TestContext): Scope {
  const stack: (() => unknown)[] = []
  t.after(async () => {
    for (const work of stack.reverse()) await work()
  })
  return { after: (work) => void stack.push(work as () => unknown) }
}

export type Node = { call: Call; url: string }

export type NodeOptions = {
  /** Absent: the node starts a database of its own. */
  databaseUrl?: string
  worldUrl: string
  env?: Record<string, string>
}

/** A node in a process of its own; killed, at the latest, when the test is over. */
export async function startNode(
  t: Scope,
  { databaseUrl, worldUrl, env }: NodeOptions,
): Promise<ServerProcess> {
  const settings = { WORLD_URL: worldUrl, NODE_COMPILE_CACHE: cache }
  const database = databaseUrl !== undefined && { DATABASE_URL: databaseUrl }
  const node = await startProcess({ ...settings, ...database, ...env }, entry)
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
    ...(env && { env }),
    capabilities: [...builtins, recording(worldUrl)],
  })
}

/** Resolves when a process is gone. */
export async function gone({ child }: ServerProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

const pauseMs = 50

/** Posts a message under a key until it is accepted, as any careful client does. */
export async function postUntilAccepted(
  { call }: Pick<Node, 'call'>,
  sessionId: string,
  { text, key, signal }: { text: string; key: string; signal?: AbortSignal },
) {
  const message = { content: [{ type: 'text', text }] }
  for (;;) {
    const path = `/v1/sessions/${sessionId}/messages`
    const answer = await call('POST', path, { message }, { 'idempotency-key': key }).catch(
      () => undefined,
    )
    if (answer?.status === 201) return answer
    if (answer && answer.status !== 503 && answer.body.code !== 'idempotency_in_progress') {
      throw new Error(`the message was refused: ${JSON.stringify(answer.body)}`)
    }
    if (signal?.aborted) return undefined
    await sleep(pauseMs)
  }
}

/** A stream, as soon as the node has its database. */
export async function followSoon(scope: Scope, node: Node, sessionId: string) {
  for (;;) {
    const stream = await follow(scope, node.url, { sessionId })
    if (stream.response.status === 200) return stream
    if (stream.response.status !== 503) throw new Error(`refused with ${stream.response.status}`)
    await sleep(pauseMs)
  }
}
