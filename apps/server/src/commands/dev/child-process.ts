/** One process of the server, as the supervisor sees it. */
import cluster, { type Worker } from 'node:cluster'
import type { FromChild, ToChild } from './messages.ts'

export type ChildEnd = { type: 'ended'; code: number | null; signal: NodeJS.Signals | null }

export type Child = {
  /** The next message, or its end. */
  next: () => Promise<FromChild | ChildEnd>
  send: (message: ToChild) => void
  /** Asks it to end, and ends it after `ms`: its event loop may be blocked. */
  leave: (ms: number) => void
  kill: () => void
  exited: Promise<ChildEnd>
  isAlive: () => boolean
}

const types = new Set<unknown>([
  'loaded',
  'prepared',
  'ready',
  'failed',
] satisfies FromChild['type'][])

/** False for messages of the project's code: many programs report to a process manager. */
const isOurs = (message: unknown): message is FromChild =>
  typeof message === 'object' && message !== null && types.has((message as FromChild).type)

/**
 * Starts a process. Processes of a cluster share the listening socket, so that the port is never
 * free while one replaces another, and they end with the supervisor.
 */
export function startChild(environment: Record<string, string>): Child {
  const worker: Worker = cluster.fork(environment)
  const waiting: (FromChild | ChildEnd)[] = []
  let deliver: ((message: FromChild | ChildEnd) => void) | undefined
  const receive = (message: FromChild | ChildEnd) => {
    if (deliver) deliver(message)
    else waiting.push(message)
    deliver = undefined
  }
  let isAlive = true
  const exited = new Promise<ChildEnd>((resolve) => {
    worker.once('exit', (code, signal) => {
      isAlive = false
      const ended = { type: 'ended', code, signal: (signal || null) as ChildEnd['signal'] } as const
      receive(ended)
      resolve(ended)
    })
  })
  worker.on('message', (message: unknown) => {
    if (isOurs(message)) receive(message)
  })
  // A message to a process that has just ended.
  worker.on('error', () => {})
  const kill = () => void worker.process.kill('SIGKILL')
  const send = (message: ToChild) => {
    if (worker.isConnected()) worker.send(message, () => {})
  }
  return {
    exited,
    isAlive: () => isAlive,
    next: () =>
      new Promise((resolve) => {
        const first = waiting.shift()
        if (first) resolve(first)
        else deliver = resolve
      }),
    send,
    leave(ms) {
      send({ type: 'leave' })
      const timer = setTimeout(kill, ms)
      void exited.then(() => clearTimeout(timer))
    },
    kill,
  }
}
