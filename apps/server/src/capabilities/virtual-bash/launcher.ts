/**
 * A process that starts shells, so that the server need not: starting a process pauses its parent
 * in proportion to its memory. It relays messages and enforces time limits, and runs no commands
 * itself.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { lowNiceness } from '../../store/files/low-priority.ts'
import {
  type FromLauncher,
  type FromShell,
  type Stopped,
  shellsMax,
  type ToLauncher,
  type ToShell,
} from './messages.ts'

const idleMs = 60_000
const bootMsMax = 30_000
const heapMb = 512

type Call = Extract<ToLauncher, { kind: 'start' }>
type Shell = {
  child: ChildProcess
  isReady: boolean
  /** Undefined: unused so far. */
  sessionId?: string
  call?: Call
  timer?: NodeJS.Timeout
}

// Lowers the priority of shells, and makes the kernel end them first when memory runs out. Shells
// inherit both from this process.
const givingWay = [
  () => os.setPriority(lowNiceness()),
  () => writeFileSync('/proc/self/oom_score_adj', '800'),
]
for (const give of givingWay) {
  try {
    give()
  } catch {
    // Not supported or not permitted on this system.
  }
}

const shells = new Set<Shell>()

const program = fileURLToPath(new URL('./shell.ts', import.meta.url))

/** Paths that a shell may read: its own program and the directories of its packages. */
function readablePlaces(): string[] {
  const places = [path.dirname(program)]
  for (let at = path.dirname(program); at !== path.dirname(at); at = path.dirname(at)) {
    places.push(path.join(at, 'node_modules'), path.join(at, 'package.json'))
  }
  return places
}

const shellArgs = [
  '--disable-warning=ExperimentalWarning',
  `--max-old-space-size=${heapMb}`,
  '--permission',
  ...readablePlaces().map((place) => `--allow-fs-read=${place}`),
]

const notifyServer = (message: FromLauncher) => void process.send!(message)

function startShell(): Shell {
  const child = fork(program, [], {
    env: {},
    execArgv: shellArgs,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const shell: Shell = { child, isReady: false }
  child.on('message', (said: FromShell) => heard(shell, said))
  child.on('exit', (code, signal) => gone(shell, signal !== null || code! > 128))
  child.on('error', () => child.kill('SIGKILL'))
  shells.add(shell)
  rest(shell)
  return shell
}

const say = (shell: Shell, message: ToShell) => void shell.child.send(message, () => {})

function heard(shell: Shell, said: FromShell): void {
  if (said.kind === 'ready') {
    shell.isReady = true
    if (shell.call) run(shell, shell.call)
  } else if (shell.call) {
    notifyServer({ kind: 'said', call: shell.call.call, said })
    if (said.kind !== 'ended') return
    if (said.isLarge) stop(shell)
    else rest(shell)
  }
}

/** Keeps an idle shell for a while for more commands of the same session. */
function rest(shell: Shell): void {
  delete shell.call
  clearTimeout(shell.timer)
  shell.timer = setTimeout(() => stop(shell), idleMs)
}

/** `hasCrashed`: by a signal, or a code above 128, as on Windows. */
function gone(shell: Shell, hasCrashed: boolean): void {
  shells.delete(shell)
  clearTimeout(shell.timer)
  const why = !shell.isReady ? 'unready' : hasCrashed ? 'broke' : 'ended'
  if (shell.call) notifyServer({ kind: 'stopped', call: shell.call.call, why })
}

function stop(shell: Shell, why?: Stopped): void {
  if (why) notifyServer({ kind: 'stopped', call: shell.call!.call, why })
  delete shell.call
  clearTimeout(shell.timer)
  shells.delete(shell)
  shell.child.kill('SIGKILL')
}

/** A shell serves one session only. The server starts at most as many calls as there are shells. */
function shellFor(sessionId: string): Shell {
  const free = [...shells].filter(({ call }) => !call)
  const known =
    free.find((shell) => shell.sessionId === sessionId) ?? free.find((shell) => !shell.sessionId)
  if (known) return known
  if (shells.size >= shellsMax && free[0]) stop(free[0])
  return startShell()
}

function begin(call: Call): void {
  const shell = shellFor(call.sessionId)
  shell.call = call
  shell.sessionId = call.sessionId
  if (shell.isReady) run(shell, call)
  else stopAfter(shell, bootMsMax, 'unready')
  if (shells.size < shellsMax && [...shells].every(({ sessionId }) => sessionId)) startShell()
}

function run(shell: Shell, { job }: Call): void {
  stopAfter(shell, job.timeoutMs, 'timeout')
  say(shell, { kind: 'run', job })
}

function stopAfter(shell: Shell, ms: number, why: Stopped): void {
  clearTimeout(shell.timer)
  shell.timer = setTimeout(() => stop(shell, why), ms)
}

function cancel(call: number): void {
  for (const shell of shells) if (shell.call?.call === call) stop(shell)
}

process.on('message', (message: ToLauncher) => {
  if (message.kind === 'cancel') cancel(message.call)
  else if (message.kind === 'answer') {
    for (const shell of shells) if (shell.call?.call === message.call) say(shell, message.answer)
  } else {
    begin(message)
  }
})
process.on('disconnect', () => {
  for (const { child } of shells) child.kill('SIGKILL')
  process.exit()
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
