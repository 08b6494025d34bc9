import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Event, EventType } from '@outlast/contract'
import { createTestDatabase, queryRows } from '../../../apps/server/test/database.ts'
import { type PostgresProxy, startPostgresProxy } from '../../postgres-proxy.ts'
import { type Scope, scopeOf } from '../scenario.ts'
import { startWorld, type World, type WorldOptions } from '../world.ts'

/** Statements that change the stored state of a session or its turn. */
const isWrite = (label: string) =>
  /^(claim-idempotency-key|save-idempotency-answer|commit$|accept-message|interrupt-turn|cancel-turn|take-turn|retake-turn|append-events|release-turn|park-turn|hold-turn|answer-calls)/.test(
    label,
  )

/** A write of a conversation, as the n-th of its kind, and whether it still takes place. */
export type Boundary = { index: number; label: string; nth: number; when: 'before' | 'after' }

/** `WALK_MOMENTS=all`: strikes every boundary at beginning and end, in twice the time. */
const everyMoment = process.env.WALK_MOMENTS === 'all'

/**
 * Where a fault can strike: at each boundary between two writes, as soon as the first is made.
 * Where the second stores an external outcome, also just before it.
 */
function boundariesOf(writes: string[]): Boundary[] {
  return writes.flatMap((label, index) => {
    const nth = writes.slice(0, index + 1).filter((other) => other === label).length
    const late = everyMoment || index === 0 || label.startsWith('append-')
    const moments = late ? (['before', 'after'] as const) : (['after'] as const)
    return moments.map((when) => ({ index, label, nth, when }))
  })
}

export type Stage = {
  scope: Scope
  databaseUrl: string
  world: World
  proxy: PostgresProxy
  /** From here on writes are counted. */
  arm: (boundary?: Boundary, act?: () => void) => void
  writes: string[]
  /** Resolves when no turn has a job. */
  jobsDeleted: () => Promise<void>
  /** The fault has happened. */
  struck: Promise<void>
  /** Resolves then, or at the end of a run that has no such write: its turn took another way. */
  runsUpTo: (end: Promise<unknown>) => Promise<unknown>
}

/** A database behind a proxy that counts writes and strikes at one of them, and a world. */
export async function setStage(
  t: TestContext,
  {
    isWrite: counts = isWrite,
    ...options
  }: WorldOptions & { isWrite?: (label: string) => boolean },
): Promise<Stage> {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const world = await startWorld(scope, options)
  const { onWrite, ...count } = countWrites()
  const proxy = await startPostgresProxy(databaseUrl, {
    onStatement: (label) => (counts(label) ? onWrite(label) : undefined),
  })
  scope.after(proxy.close)
  const jobsDeleted = () => untilNoJobs(databaseUrl)
  return { scope, databaseUrl, world, proxy, jobsDeleted, ...count }
}

/** A killed node left a job; its key went to the replacement. */
const jobs = `select from graphile_worker.jobs where task_identifier = 'turn' and key is not null`

async function untilNoJobs(databaseUrl: string) {
  while ((await queryRows(databaseUrl, jobs)).length > 0) await sleep(pauseMs)
}

function countWrites() {
  const writes: string[] = []
  const struck = Promise.withResolvers<void>()
  let armed: { boundary: Boundary | undefined; act: () => void } | undefined
  const how = (fits: (label: string) => boolean) => writes.filter(fits).length
  return {
    writes,
    struck: struck.promise,
    runsUpTo: (end: Promise<unknown>) => Promise.race([struck.promise, end]),
    arm(boundary?: Boundary, act = () => {}) {
      armed = { boundary, act }
    },
    onWrite(label: string) {
      if (!armed) return undefined
      writes.push(label)
      const { boundary, act } = armed
      if (boundary?.label !== label || boundary.nth !== how((other) => other === label)) return
      const strike = () => {
        act()
        struck.resolve()
      }
      return { when: boundary.when, act: strike }
    },
  }
}

/**
 * The writes of a run once two in succession make the same: both took the usual way. Each run is a
 * subtest, so that its node stops before the next one starts.
 */
export async function usualWrites(
  t: TestContext,
  run: (own: TestContext) => Promise<string[]>,
): Promise<string[]> {
  let before: string[] | undefined
  for (let runs = 1; ; runs += 1) {
    let writes: string[] = []
    await t.test(`run ${runs}`, async (own) => {
      writes = await run(own)
    })
    if (writes.join() === before?.join()) return writes
    before = writes
  }
}

/** On a busy machine a turn may take another way than undisturbed: a later start from the queue. */
class OtherWayError extends Error {}

const neverStruckMs = 30_000
const pauseMs = 50
const triesMax = 5

/**
 * Resolves when the fault of a walk has struck. Contract: throws OtherWayError when the writes up
 * to it are not those of the undisturbed run, or it does not strike after the end of `talk`.
 */
export async function struckAt<T>(
  stage: Stage,
  { writes, boundary }: { writes: string[]; boundary: Boundary },
  talk: Promise<T>,
): Promise<T> {
  const never = talk.then(() => sleep(neverStruckMs, 'never'))
  if ((await Promise.race([stage.struck, never])) === 'never') throw new OtherWayError()
  const told = await talk
  const upTo = (all: string[]) => all.slice(0, boundary.index + 1).join()
  if (upTo(stage.writes) !== upTo(writes)) throw new OtherWayError()
  return told
}

/** Walks until the turn makes the writes that the walk is about. */
async function tryWalk(walk: () => Promise<void>) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await walk()
    } catch (error) {
      if (!(error instanceof OtherWayError) || tries === triesMax) throw error
    }
  }
}

const atOnce = 4
/** Limits for hangs: one run with its fault, and all of them, on a busy machine. */
const walkTimeoutMs = 10 * 60_000
const timeoutMs = 20 * 60_000

/**
 * A test that records the writes of an undisturbed run, and repeats the run with a fault at each.
 */
export function testWalk(
  name: string,
  undisturbed: (t: TestContext) => Promise<string[]>,
  walk: (t: TestContext, at: { writes: string[]; boundary: Boundary }) => Promise<void>,
) {
  test(name, { concurrency: atOnce, timeout: timeoutMs }, async (t) => {
    let writes: string[] = []
    await t.test('undisturbed', async (own) => {
      writes = await undisturbed(own)
    })
    assert.ok(writes.length > 6)
    const walks = boundariesOf(writes).map((boundary) => {
      const { when, index, label } = boundary
      const title = `${when} write ${index + 1}, ${label}`
      return t.test(title, { timeout: walkTimeoutMs }, (own) =>
        tryWalk(() => walk(own, { writes, boundary })),
      )
    })
    await Promise.all(walks)
  })
}

/** Without streamed text. */
export const stored = (events: Event[]) => events.filter(({ sequence }) => sequence !== undefined)

export const count = (events: Event[], type: EventType) =>
  events.filter((event) => event.type === type).length
