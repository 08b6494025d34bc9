/**
 * A process that runs commands of one session, one at a time. A crash affects no other session. It
 * has no environment, can read only its own program, and requests all other data from the server.
 */
import { Bash, type BashOptions } from 'just-bash'
import type { FileChange } from '../../store/files/tool-access.ts'
import { fileChanges } from './changes.ts'
import { builtinNames, programNames } from './commands.ts'
import type {
  Ended,
  FromShell,
  Job,
  ShellAnswer,
  ShellQuestion,
  ToShell,
  WebAnswer,
  WebRequest,
} from './messages.ts'
import { unpackEntries } from './messages.ts'
import { asFileSystem } from './session-fs.ts'
import { nodeAt, openTree, type Tree } from './tree.ts'

const mib = 1024 * 1024
const outputBytesMax = mib
const redirectsMax = 10
/** A process that has grown beyond this is not reused. */
const residentBytesMax = 250 * mib

/**
 * Limits of one command, enough to sort a log of 10 MB. Many limits of lines and records follow
 * from that of loops. Memory and time are limited by the process.
 */
const limits: BashOptions['executionLimits'] = {
  maxSourceBytes: mib,
  maxHeredocSize: mib,
  maxCommandCount: 50_000,
  maxLoopIterations: 2_000_000,
  maxAwkIterations: 2_000_000,
  maxSedIterations: 2_000_000,
  maxJqIterations: 2_000_000,
  maxCallDepth: 100,
  maxExecDepth: 30,
  maxSourceDepth: 30,
  maxSubstitutionDepth: 30,
  maxStringLength: 16 * mib,
  maxArrayElements: 1_000_000,
  maxBraceExpansionResults: 10_000,
  maxGlobOperations: 1_000_000,
  maxTraversalEntries: 200_000,
  maxFileDescriptors: 100,
  maxWorkUnits: 10_000_000,
  maxOutputSize: 64 * mib,
  maxLiveBytes: 128 * mib,
  maxInputBytes: 256 * mib,
  maxArchiveBytes: 64 * mib,
  maxArchiveCompressedBytes: 64 * mib,
  maxArchiveEntryBytes: 32 * mib,
  maxArchiveEntries: 10_000,
}

// Saved here because just-bash removes it and other exits of the process while a command runs.
const send = process.send!.bind(process)
const sendToServer = (message: FromShell) => void send(message)

type Waiting = { resolve: (value: never) => void; reject: (error: Error) => void }
const waiting = new Map<number, Waiting>()
let asked = 0

function ask<T>(what: ShellQuestion): Promise<T> {
  const id = ++asked
  sendToServer({ kind: 'ask', id, asked: what })
  return new Promise<T>((resolve, reject) => waiting.set(id, { resolve, reject }))
}

function answered({ id, value, error }: ShellAnswer): void {
  const question = waiting.get(id)
  waiting.delete(id)
  if (error === undefined) question?.resolve(value as never)
  else question?.reject(new Error(error))
}

async function run(job: Job): Promise<Ended> {
  const read = (path: string) => ask<Uint8Array | undefined>({ kind: 'read', path })
  const tree = openTree(unpackEntries(job.entries), read)
  const workingDir = asFileSystem(tree).resolvePath('/', job.workingDir)
  if (nodeAt(tree, workingDir)?.kind !== 'directory') {
    return { kind: 'refused', reason: `working_dir is not a directory: ${job.workingDir}` }
  }
  const bash = openBash(job, tree, workingDir)
  const begunAt = performance.now()
  const { stdout, stderr, exitCode } = await bash.exec(job.command, { rawScript: true })
  // A command that ran out of time changes nothing: its launcher is late, and ends the process.
  if (performance.now() - begunAt > job.timeoutMs) await new Promise(() => {})
  await sendChanges(tree)
  const [out, outNote] = bounded(stdout, 'stdout')
  const [err, errNote] = bounded(stderr, 'stderr')
  return {
    kind: 'done',
    stdout: out,
    stderr: withNotes(err, [...tree.refusals, outNote, errNote]),
    exitCode,
  }
}

/** Sends changes in batches: each message has a cost for every process on its way. */
async function sendChanges(tree: Tree): Promise<void> {
  let changes: FileChange[] = []
  let bytes = 0
  for await (const change of fileChanges(tree)) {
    changes.push(change)
    bytes += change.kind === 'write' ? change.bytes.length : 0
    if (changes.length < 500 && bytes < mib) continue
    sendToServer({ kind: 'changed', changes })
    changes = []
    bytes = 0
  }
  sendToServer({ kind: 'changed', changes })
}

function openBash(job: Job, tree: Tree, cwd: string): Bash {
  const may = new Set(job.commands)
  return new Bash({
    fs: asFileSystem(tree),
    cwd,
    env: { HOME: '/', USER: 'agent', SHELL: '/bin/bash', PATH: '/usr/bin:/bin', ...job.env },
    commands: [...builtinNames, ...programNames.filter((name) => !job.commands || may.has(name))],
    // The launcher normally ends the process earlier; this limit ends an orphan.
    executionLimits: { ...limits, maxExecutionTimeMs: job.timeoutMs + 1_000 },
    ...(job.hasNetwork && { fetch: fetchThere }),
  })
}

const fetchThere: NonNullable<BashOptions['fetch']> = async (url, options = {}) => {
  const request: WebRequest = {
    url,
    method: options.method ?? 'GET',
    headers: headersOf(options.headers),
    body: options.body,
    followRedirects: options.followRedirects ?? true,
    redirectsMax: Math.min(options.maxRedirects ?? redirectsMax, redirectsMax),
    timeoutMs: options.timeoutMs,
  }
  return ask<WebAnswer>({ kind: 'fetch', request })
}

type HeadersLike = { forEach: (visit: (value: string, name: string) => void) => void }

function headersOf(headers: HeadersLike | Record<string, string> = {}): [string, string][] {
  if (typeof headers.forEach !== 'function') {
    return Object.entries(headers as Record<string, string>)
  }
  const found: [string, string][] = []
  headers.forEach((value, name) => {
    found.push([name, value])
  })
  return found
}

/** Truncates a stream; the note reports the truncation. */
function bounded(text: string, stream: string): [text: string, note: string] {
  const bytes = Buffer.from(text)
  if (bytes.length <= outputBytesMax) return [text, '']
  const note = `${stream} had ${bytes.length} bytes; only the first ${outputBytesMax} are kept`
  return [bytes.subarray(0, outputBytesMax).toString(), note]
}

function withNotes(stderr: string, notes: string[]): string {
  const lines = notes.filter((note) => note !== '').map((note) => `[${note}]\n`)
  const gap = lines.length > 0 && stderr !== '' && !stderr.endsWith('\n') ? '\n' : ''
  return stderr + gap + lines.join('')
}

async function begin(job: Job): Promise<void> {
  const ended = await run(job).catch(
    (error): Ended => ({ kind: 'failed', reason: messageWithoutCode(error as Error) }),
  )
  sendToServer({ kind: 'ended', ended, isLarge: process.memoryUsage.rss() > residentBytesMax })
}

/** Removes the error code that file system errors begin with. */
const messageWithoutCode = ({ message }: Error) =>
  message.replace(/^E[A-Z]+: /, '').replace(/\.$/, '')

process.on('message', (message: ToShell) => {
  if (message.kind === 'run') begin(message.job)
  else answered(message)
})
process.on('disconnect', () => process.exit())
// A terminal signals all processes of its group; the server decides when this one ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})

// Warm-up: the first command of a process is slow, and no time limit runs here.
await new Bash({ cwd: '/' }).exec('echo | cat')
sendToServer({ kind: 'ready' })
