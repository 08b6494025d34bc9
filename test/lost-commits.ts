/** A database that loses commits below running nodes: a failover or restore. */
import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import type { Event } from '@outlast/contract'
import { createTestDatabase, runSql } from '../apps/server/test/database.ts'
import { eventually } from '../apps/server/test/waiting.ts'
import { gatedWorld } from './crash/gates.ts'
import {
  type Node,
  postUntilAccepted,
  type Scope,
  scopeOf,
  startNodeHere,
} from './crash/scenario.ts'
import { type ChatMessage, startWorld, worldlySession } from './crash/world.ts'
import { startPostgresProxy } from './postgres-proxy.ts'

export type LosingDatabase = {
  /** The address that nodes use. */
  url: string
  /** Copies the database in its current state. Nodes have no database meanwhile. */
  save: () => Promise<void>
  /** The copy replaces the database: later commits are lost. */
  lose: () => Promise<void>
}

export async function startLosingDatabase(scope: Scope): Promise<LosingDatabase> {
  const original = await createTestDatabase(scope)
  const admin = process.env.OUTLAST_TEST_DATABASE_URL!
  const name = new URL(original).pathname.slice(1)
  const copy = `test_${randomBytes(8).toString('hex')}`
  const lost = `test_${randomBytes(8).toString('hex')}`
  scope.after(async () => {
    for (const other of [copy, lost]) await runSql(admin, `drop database if exists ${other}`)
  })
  const proxy = await startPostgresProxy(original)
  scope.after(proxy.close)
  const whileAway = async (...statements: string[]) => {
    proxy.refuse()
    for (const statement of statements) await runOnceUnused(admin, statement)
    proxy.pass()
  }
  return {
    url: proxy.url,
    save: () => whileAway(`create database ${copy} template ${name}`),
    lose: () =>
      whileAway(
        `alter database ${name} rename to ${lost}`,
        `alter database ${copy} rename to ${name}`,
      ),
  }
}

const inUse = '55006'

/** PostgreSQL refuses while a database is used; closed connections end a moment later. */
async function runOnceUnused(admin: string, statement: string) {
  for (;;) {
    try {
      return await runSql(admin, statement)
    } catch (error) {
      if ((error as { code?: string }).code !== inUse) throw error
    }
  }
}

/** Two nodes on a database that can lose commits, and a session with gated model and tools. */
export async function losingScene(t: TestContext, open = startLosingDatabase) {
  const scope = scopeOf(t)
  const database = await open(scope)
  const gates = gatedWorld()
  const world = await startWorld(scope, gates)
  const start = () => startNodeHere(scope, { databaseUrl: database.url, worldUrl: world.url })
  const a = await start()
  const b = await start()
  const { agent, session } = await worldlySession(a, world)
  return { scope, database, gates, world, a, b, agent, id: session.id }
}

let messages = 0

/** Posts until it is accepted, as the database may be unavailable. */
export function say(node: Node, sessionId: string, text: string) {
  messages += 1
  return postUntilAccepted(node, sessionId, { text, key: `message ${messages}` })
}

/** The session's events once its last message is answered and it is idle. */
export async function answered(node: Node, sessionId: string, text: string): Promise<Event[]> {
  return eventually(async () => {
    const { status, body } = await node.call('GET', `/v1/sessions/${sessionId}/events`)
    if (status !== 200) return undefined
    const events: Event[] = body.data
    const isThere = events.some(({ data }) => JSON.stringify(data).includes(text))
    return isThere && events.at(-1)!.type === 'session.idled' ? events : undefined
  })
}

export async function talk(node: Node, sessionId: string, text: string) {
  await say(node, sessionId, text)
  return answered(node, sessionId, text)
}

export const wordsOf = (prompt: ChatMessage[]) =>
  prompt.filter(({ role }) => role === 'user').map(({ content }) => content)

export const inputsOf = (events: Event[]) =>
  events.flatMap((event) =>
    event.type === 'input.message'
      ? event.data.message.content.map((part) => 'text' in part && part.text)
      : [],
  )
