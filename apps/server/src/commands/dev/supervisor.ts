/** Keeps one server running, and replaces it when the project changes. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Child, type ChildEnd, startChild } from './child-process.ts'
import type { FromChild, HeldDatabase, WantedDatabase } from './messages.ts'
import { createSignal, type Signal } from './signal.ts'

/** Longest time in which a project loads; then its process is ended, in ms. */
const loadMaxMs = 40_000
/** Time after its grace period after which a process that leaves is ended, in ms. */
const leaveMaxMs = 10_000
/** Time between a replacement and the start of the process for the next one, in ms. */
const settleMs = 300
/** Between starts that failed because the database did not answer. */
const retryMs = 5_000
const pauseMsFirst = 250
const pauseMsMax = 5_000
/** A server that ran longer than this is restarted without a pause, in ms. */
const steadyMs = 10_000

export type Started = {
  url: string
  contents: string
  unused: readonly string[]
  files: readonly string[]
  ms: number
}

export type Events = {
  ready: (started: Started) => void
  warned: (warnings: readonly string[]) => void
  /** Newer files do not start. `isServing`: the earlier version continues. */
  refused: (problems: readonly string[], isServing: boolean) => void
  /** The server ended without a request. */
  crashed: (how: string) => void
}

type Supervision = Events & {
  /** Starts an embedded database, once for each folder. */
  hold: (embedded: WantedDatabase) => Promise<HeldDatabase>
  freePort: () => Promise<number>
  /** Variables of the child's environment, besides those of this process. */
  environment: Record<string, string>
}

export type Supervisor = {
  /** Replaces the server, because files have changed. */
  change: (files: readonly string[]) => void
  /** The problem of a first server that cannot start, for reasons outside the project. */
  failed: Promise<string>
  /** Ends all processes after their running work. */
  stop: () => Promise<void>
  /** Ends all processes at once. */
  kill: () => void
}

type Refusal = Pick<
  FromChild & { type: 'failed' },
  'problems' | 'isProject' | 'isPassing' | 'takenPort'
>
type State = {
  children: Set<Child>
  /** A process that has loaded the code of the server, and no project yet. */
  spare: Child | undefined
  /** Given when files changed, the server crashed, or the command ends. */
  wake: Signal
  files: readonly string[]
  serving: { child: Child; sinceMs: number } | undefined
  hasServed: boolean
  /** Time that the work of a process has to end, in ms, by the project that was loaded last. */
  graceMs: number
  /** Stays the same once a server has listened there. */
  freePort: number
  stopping: boolean
  pauseMs: number
}

export function supervise(supervision: Supervision): Supervisor {
  const state: State = {
    children: new Set(),
    spare: undefined,
    wake: createSignal(),
    files: [],
    serving: undefined,
    hasServed: false,
    graceMs: 0,
    freePort: 0,
    stopping: false,
    pauseMs: 0,
  }
  return {
    failed: keepRunning(state, supervision),
    change(files) {
      state.files = [...new Set([...state.files, ...files])]
      state.pauseMs = 0
      state.wake.give()
    },
    async stop() {
      state.stopping = true
      state.wake.give()
      for (const child of state.children) child.leave(state.graceMs + leaveMaxMs)
      await Promise.all([...state.children].map(({ exited }) => exited))
    },
    kill() {
      for (const child of state.children) child.kill()
    },
  }
}

/** Starts servers one after the other. Returns when the first one cannot start. */
async function keepRunning(state: State, supervision: Supervision): Promise<string> {
  while (!state.stopping) {
    const next = state.wake.next()
    const refusal = await replace(state, supervision)
    if (refusal && !state.stopping) {
      if (!state.hasServed && refusal.takenPort === state.freePort) continue
      if (!state.hasServed && !refusal.isProject) return refusal.problems.join('\n')
      state.serving?.child.send({ type: 'problems', problems: refusal.problems })
      supervision.refused(refusal.problems, state.serving !== undefined)
    }
    await (refusal?.isPassing ? Promise.race([next, sleep(retryMs)]) : next)
    if (!state.serving && state.hasServed) await pause(state)
  }
  return new Promise(() => {})
}

/** Waits between restarts after crashes, unless a file changes. */
async function pause(state: State): Promise<void> {
  if (state.pauseMs > 0) await Promise.race([sleep(state.pauseMs), state.wake.next()])
  state.pauseMs = Math.min(Math.max(state.pauseMs * 2, pauseMsFirst), pauseMsMax)
}

/**
 * Starts a server with the present files; once it listens, the earlier one leaves. Undefined when
 * it serves, and when files changed while it was loading.
 */
async function replace(state: State, supervision: Supervision): Promise<Refusal | undefined> {
  const begunMs = performance.now()
  const files = takeFiles(state)
  const child = state.spare ?? addChild(state, supervision)
  state.spare = undefined
  child.send({ type: 'load' })
  const first = await Promise.race([child.next(), state.wake.next(), late()])
  const isLoaded = first !== 'changed' && first !== 'late' && first.type === 'loaded'
  const ready = isLoaded ? await prepare(state, child, first.embedded, supervision) : first
  if (ready === 'changed' || ready === 'late') child.kill()
  if (ready === 'changed') {
    state.files = [...new Set([...files, ...state.files])]
    return undefined
  }
  if (!isLoaded || ready === 'late' || ready.type !== 'ready') {
    const refusal = refusalOf(ready)
    if (refusal.isPassing) state.files = [...new Set([...files, ...state.files])]
    return refusal
  }
  state.serving?.child.leave(state.graceMs + leaveMaxMs)
  state.graceMs = first.graceMs
  const sinceMs = performance.now()
  Object.assign(state, { serving: { child, sinceMs }, hasServed: true })
  void watchEnd(state, child, supervision)
  void addSpare(state, supervision)
  const { contents, unused } = first
  supervision.ready({ url: ready.url, contents, unused, files, ms: sinceMs - begunMs })
  supervision.warned(first.warnings)
  return undefined
}

function addChild(state: State, { environment }: Supervision): Child {
  const child = startChild(environment)
  state.children.add(child)
  void child.exited.then(() => {
    state.children.delete(child)
    if (state.spare === child) state.spare = undefined
  })
  return child
}

/** Starts the process of the next replacement, once this one has settled. */
async function addSpare(state: State, supervision: Supervision): Promise<void> {
  await sleep(settleMs, undefined, { ref: false })
  if (!state.stopping) state.spare ??= addChild(state, supervision)
}

function takeFiles(state: State): readonly string[] {
  const { files } = state
  state.files = []
  return files
}

type Message = FromChild | ChildEnd

async function prepare(
  state: State,
  child: Child,
  embedded: WantedDatabase | undefined,
  { hold, freePort }: Supervision,
): Promise<Message | 'changed'> {
  try {
    const database = embedded && (await hold(embedded))
    child.send({ type: 'prepare', database })
    const prepared = await Promise.race([child.next(), state.wake.next()])
    if (prepared === 'changed' || prepared.type !== 'prepared') return prepared
    // At the latest moment, so that other programs have little time to take the port.
    if (!state.hasServed) state.freePort = await freePort()
  } catch (error) {
    child.kill()
    return { type: 'failed', problems: [(error as Error).message], isProject: false }
  }
  child.send({ type: 'listen', freePort: state.freePort })
  return child.next()
}

/** Restarts a server that ends without a request. */
async function watchEnd(state: State, child: Child, { crashed }: Supervision): Promise<void> {
  const ended = await child.exited
  if (state.serving?.child !== child || state.stopping) return
  if (performance.now() - state.serving.sinceMs > steadyMs) state.pauseMs = 0
  state.serving = undefined
  crashed(howEnded(ended))
  state.wake.give()
}

const late = () => sleep(loadMaxMs, 'late' as const, { ref: false })

function refusalOf(message: Message | 'late'): Refusal {
  if (message === 'late') {
    const problem = `The project did not load within ${loadMaxMs / 1_000} s.`
    return { problems: [problem], isProject: true }
  }
  if (message.type === 'failed') return message
  const how = message.type === 'ended' ? howEnded(message) : message.type
  const problem = `The process ended while it loaded the project: ${how}.`
  return { problems: [problem], isProject: true }
}

const howEnded = ({ code, signal }: ChildEnd) => (signal ? `signal ${signal}` : `exit code ${code}`)
