import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createShares } from '../../shares.ts'
import type { FileChange } from '../../store/files/tool-access.ts'
import { ToolError } from '../capability.ts'
import {
  type Ended,
  type FromLauncher,
  type FromShell,
  type Job,
  type ShellAnswer,
  type ShellQuestion,
  type Stopped,
  shellsMax,
  type ToLauncher,
} from './messages.ts'

/** The result of a command with its file changes, which the caller may save. */
export type Finished = Extract<Ended, { kind: 'done' }> & { changes: FileChange[] }

export type Command = {
  job: Job
  orgId: string
  sessionId: string
  signal: AbortSignal
  /** Answers requests of the shell. */
  answer: (asked: ShellQuestion) => Promise<unknown>
}

type Running = Command & {
  call: number
  changes: FileChange[]
  finish: (finished: Finished) => void
  fail: (error: Error) => void
}

const busy = () => new ToolError('Too many commands are waiting. Try again later.')

/** Divides the shells of the node: an organization leaves some to others, which take turns. */
const ofOrganizations = createShares(
  {
    slots: shellsMax,
    slotsEach: shellsMax - Math.ceil(shellsMax / 4),
    waitingMax: 2_000,
    waitingEachMax: 200,
  },
  busy,
)
/** A session's share of its organization's shells. */
const ofSessions = createShares(
  {
    slots: Number.POSITIVE_INFINITY,
    slotsEach: Math.floor(shellsMax / 2),
    waitingMax: Number.POSITIVE_INFINITY,
    waitingEachMax: 20,
  },
  busy,
)

const running = new Map<number, Running>()
let launcher: ChildProcess | undefined
let calls = 0

/** Started by the first command on this node: without commands there is no extra process. */
function startLauncher(): ChildProcess {
  const child = fork(fileURLToPath(new URL('./launcher.ts', import.meta.url)), [], {
    env: {},
    execArgv: ['--disable-warning=ExperimentalWarning'],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  child.on('message', heard)
  // A process that could not be started has an error, and no exit.
  child.on('error', () => forget(child, notStarted))
  child.on('exit', () => forget(child, stopped.ended))
  // It ends with the server, and does not keep the server running.
  child.unref()
  child.channel?.unref()
  return child
}

/** Fails the commands of a launcher that has ended. The next command starts another one. */
function forget(child: ChildProcess, reason: (job: Job) => ToolError): void {
  if (launcher !== child) return
  launcher = undefined
  child.kill('SIGKILL')
  for (const one of running.values()) one.fail(reason(one.job))
}

function sendToLauncher(message: ToLauncher): void {
  launcher ??= startLauncher()
  // A launcher without a channel could not be started: its `error` event follows.
  if (launcher.connected) launcher.send(message, () => {})
}

/**
 * Runs one command of a session in a process of its own, once a shell is free for its organization.
 * Contract: throws a ToolError when the command did not end by itself; the signal ends it at once.
 */
export function runCommand(command: Command): Promise<Finished> {
  const { orgId, sessionId, signal } = command
  const run = () => ofOrganizations.run(orgId, () => runInShell(command), signal)
  return ofSessions.run(sessionId, run, signal)
}

async function runInShell(command: Command): Promise<Finished> {
  const { signal, sessionId, job } = command
  const call = ++calls
  let abort = () => {}
  try {
    return await new Promise<Finished>((finish, fail) => {
      abort = () => fail(signal.reason)
      signal.addEventListener('abort', abort)
      running.set(call, { ...command, call, changes: [], finish, fail })
      sendToLauncher({ kind: 'start', call, sessionId, job })
    })
  } catch (error) {
    // End the command at the launcher in every case.
    if (launcher) sendToLauncher({ kind: 'cancel', call })
    throw error
  } finally {
    running.delete(call)
    signal.removeEventListener('abort', abort)
  }
}

const nothingKept = 'Its changes to files were not saved.'

const notStarted = () =>
  new ToolError('Bash execution error: the shell cannot be started. Try again later.')

const stopped: Record<Stopped, (job: Job) => ToolError> = {
  timeout: ({ timeoutMs }) =>
    new ToolError(`Command timed out after ${timeoutMs}ms. ${nothingKept}`),
  unready: notStarted,
  ended: () => new ToolError(`Bash execution error: the shell ended unexpectedly. ${nothingKept}`),
  broke: () =>
    new ToolError(`Bash execution error: the command took too much memory. ${nothingKept}`),
}

function heard(message: FromLauncher): void {
  const one = running.get(message.call)
  if (!one) return
  if (message.kind === 'stopped') one.fail(stopped[message.why](one.job))
  else if (message.said.kind === 'ask') answerCommand(one, message.said)
  else if (message.said.kind === 'changed') one.changes.push(...message.said.changes)
  else endCommand(one, message.said.ended)
}

/** `curl` receives its own errors; an unreadable file is an internal error and ends the call. */
async function answerCommand(
  { call, answer, fail }: Running,
  { id, asked }: Extract<FromShell, { kind: 'ask' }>,
): Promise<void> {
  try {
    const value = await answer(asked)
    reply(call, { kind: 'answer', id, value })
  } catch (error) {
    if (asked.kind === 'fetch') reply(call, { kind: 'answer', id, error: (error as Error).message })
    else fail(error as Error)
  }
}

function reply(call: number, answer: ShellAnswer): void {
  if (running.has(call)) sendToLauncher({ kind: 'answer', call, answer })
}

function endCommand({ changes, finish, fail }: Running, ended: Ended): void {
  if (ended.kind === 'done') finish({ ...ended, changes })
  else if (ended.kind === 'refused') fail(new ToolError(ended.reason))
  else fail(new ToolError(`Bash execution error: ${ended.reason}. ${nothingKept}`))
}
