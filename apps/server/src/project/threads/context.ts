import type { ToolContext } from '../../capabilities/capability.ts'
import { checkAtOnce } from '../../store/files/at-once.ts'
import type { NamedTexts, SessionFiles } from '../../store/files/tool-access.ts'
import type { Bodies } from './bodies.ts'
import { asBuffer, exact, type Operate, type ThreadChannel } from './channel.ts'
import { remoteFetch } from './fetch.ts'

/** The part of a context that is sent with the call. */
export type SentContext = Omit<
  ToolContext,
  'signal' | 'files' | 'storage' | 'budgets' | 'progress' | 'fetch' | 'ask'
>

export type FileEdit = Parameters<SessionFiles['edit']>[1]

/** A call in a thread. `edits`: functions that the main thread calls during an edit. */
export type CallInThread = {
  call: number
  aborting: AbortController
  edits: Map<number, FileEdit>
  bodies: Bodies
}

/** Requests of one call that the main thread serves at once; others wait in the thread. */
const openMax = 32
const progressPauseMs = 50

/** Creates the context of a call in a thread: its functions call those of the main thread. */
export function createContext(
  channel: ThreadChannel,
  { call, aborting, edits, bodies }: CallInThread,
  sent: SentContext,
): ToolContext {
  const limited = limitTo(openMax)
  const operate: Operate = (name, value, signal) =>
    limited(async () => {
      signal?.throwIfAborted()
      return channel.request<unknown>('operate', { call, name, value })
    })
  return {
    ...sent,
    signal: aborting.signal,
    files: remoteFiles(operate, edits),
    storage: {
      values: remoteTexts(operate, 'values'),
      secrets: remoteTexts(operate, 'secrets'),
    },
    budgets: () => operate('budgets', []) as ReturnType<ToolContext['budgets']>,
    progress: paced((progress) => channel.notify('progress', { call, progress })),
    fetch: remoteFetch(operate, { channel, bodies, call }),
    ask: (...args) => operate('ask', args) as ReturnType<ToolContext['ask']>,
  }
}

function remoteFiles(operate: Operate, edits: Map<number, FileEdit>): SessionFiles {
  let last = 0
  const files = {
    list: (...args: unknown[]) => operate('files.list', args),
    find: (...args: unknown[]) => operate('files.find', args),
    async read(path: string) {
      const { file, bytes } = (await operate('files.read', [path])) as {
        file: object
        bytes: Buffer
      }
      return { file, bytes: asBuffer(bytes) }
    },
    write: (path: string, content: unknown) => operate('files.write', [path, exact(content)]),
    async edit(path: string, change: FileEdit) {
      const id = ++last
      let thrown: { error: unknown } | undefined
      edits.set(id, (bytes) => {
        thrown = undefined
        try {
          const decided = change(bytes)
          checkAtOnce(decided)
          return decided
        } catch (error) {
          thrown = { error }
          throw error
        }
      })
      try {
        await operate('files.edit', [path, id])
      } catch (error) {
        throw thrown ? thrown.error : error
      } finally {
        edits.delete(id)
      }
    },
    remove: (...args: unknown[]) => operate('files.remove', args),
    apply: (changes: Parameters<SessionFiles['apply']>[0]) =>
      operate('files.apply', [
        changes.map((one) => ('bytes' in one ? { ...one, bytes: exact(one.bytes) } : one)),
      ]),
    grep: (...args: unknown[]) => operate('files.grep', args),
  }
  return files as SessionFiles
}

function remoteTexts(operate: Operate, kind: 'values' | 'secrets'): NamedTexts {
  const method =
    (name: keyof NamedTexts) =>
    (...args: unknown[]) =>
      operate(`storage.${name}`, [kind, ...args])
  const texts = {
    set: method('set'),
    get: method('get'),
    remove: method('remove'),
    list: method('list'),
  }
  return texts as unknown as NamedTexts
}

/** Runs at most `max` pieces of work at once, in order. */
function limitTo(max: number) {
  let open = 0
  const waiting: (() => void)[] = []
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (open < max) open += 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else open -= 1
    }
  }
}

type Report = ToolContext['progress']

/** Sends the first report at once, and the latest one after a pause: a loop cannot flood. */
function paced(send: Report): Report {
  let latest: Parameters<Report>[0] | undefined
  let next = 0
  let timer: NodeJS.Timeout | undefined
  const sendLatest = () => {
    timer = undefined
    next = performance.now() + progressPauseMs
    if (latest) send(latest)
    latest = undefined
  }
  return ({ progress, total, message }) => {
    // A value that no message can hold would end the thread when the timer sends it.
    if (typeof progress !== 'number') return
    latest = {
      progress,
      ...(typeof total === 'number' && { total }),
      ...(typeof message === 'string' && { message }),
    }
    if (timer) return
    if (performance.now() >= next) sendLatest()
    else timer = setTimeout(sendLatest, progressPauseMs)
  }
}
