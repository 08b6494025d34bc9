import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { eachLine, lineOf } from './lines.ts'
import type { ReadyState, ServerStart, ServerState } from './messages.ts'
import { nodeProgram } from './node-program.ts'

/** A running server. */
export type ServerProcess = {
  url: string
  /** True if callers need no credential. */
  isOpen: boolean
  /** Resolves when the process has ended, with its code or signal. */
  ended: Promise<string>
  /** Sends SIGKILL. */
  kill: () => Promise<void>
  /** Ends streams, hands over turns, and ends the process. */
  stop: () => Promise<void>
}

const program = fileURLToPath(new URL('./child.ts', import.meta.url))
const codeCache = fileURLToPath(new URL('../../../../node_modules/.cache/outlast', import.meta.url))
const flags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=16']

/**
 * Starts a server in a launched process. It ends with this process and does not keep it alive.
 * Contract: rejects with the message of the server when it cannot start.
 */
export async function startServerProcess(
  child: ChildProcess,
  start: ServerStart,
): Promise<ServerProcess> {
  hold(child)
  try {
    const state = readyStateOf(child)
    child.stdin!.write(lineOf({ start }))
    return handleOf(child, await state)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  } finally {
    release(child)
  }
}

export const isEnded = ({ exitCode, signalCode }: ChildProcess) =>
  exitCode !== null || signalCode !== null

function handleOf(child: ChildProcess, { url, isOpen }: ReadyState): ServerProcess {
  const ended = once(child, 'exit').then(endingOf)
  const whenEnded = async () => {
    hold(child)
    await ended
    release(child)
  }
  return {
    url,
    isOpen,
    ended,
    kill() {
      child.kill('SIGKILL')
      return whenEnded()
    },
    stop() {
      child.stdin!.write(lineOf({ stop: true }))
      return whenEnded()
    },
  }
}

/**
 * Launches a process that loads the server's code and waits for its start. Its output, also that of
 * its programs, goes to our standard error; descriptor 3 has its state.
 */
export function launchProcess(): ChildProcess {
  const child = spawn(nodeProgram(), [...flags, program], {
    env: { NODE_COMPILE_CACHE: codeCache, ...process.env },
    stdio: ['pipe', 2, 'inherit', 'pipe'],
    windowsHide: true,
  })
  child.stdin!.on('error', () => {})
  child.on('error', () => {})
  release(child)
  return child
}

const endingOf = ([code, signal]: unknown[]) => String(signal ?? `code ${code}`)

function readyStateOf(child: ChildProcess): Promise<ReadyState> {
  return new Promise((resolve, reject) => {
    eachLine(stateOf(child), (line) => {
      const state = JSON.parse(line) as ServerState
      if ('url' in state) resolve(state)
      else reject(Object.assign(new Error(state.error), { code: state.code }))
    })
    child.once('error', reject)
    child.once('close', (...ending) =>
      reject(new Error(`The server ended with ${endingOf(ending)} before it was ready.`)),
    )
  })
}

/** Starts and stops a server in a launched process, whose next start is faster then. */
export function warmUp(child: ChildProcess, settings: Record<string, string>): void {
  child.stdin!.write(lineOf({ warmUp: settings }))
}

type Handle = { ref?: () => void; unref?: () => void }

const stateOf = (child: ChildProcess) => child.stdio[3] as Readable

const handlesOf = (child: ChildProcess) => [child, child.stdin, stateOf(child)] as Handle[]

/** While held, a child keeps this process alive. */
function hold(child: ChildProcess) {
  for (const handle of handlesOf(child)) handle.ref?.()
}

function release(child: ChildProcess) {
  for (const handle of handlesOf(child)) handle.unref?.()
}
