import { setTimeout as sleep } from 'node:timers/promises'
import type { ToolContext } from '../../capabilities/capability.ts'
import type { LimitedEdit } from '../../store/files/session-files.ts'
import type { FileChange } from '../../store/files/tool-access.ts'
import type { Bodies } from './bodies.ts'
import { asBuffer, exact, type ThreadChannel } from './channel.ts'
import { type Fetches, serveFetch } from './fetch.ts'

/** A call in a thread, as the main thread serves it. */
export type ServedCall = {
  call: number
  context: ToolContext
  channel: ThreadChannel
  bodies: Bodies
  fetches: Fetches
  /** True once it has changed files. */
  hasChangedFiles: boolean
}

type Operation = (call: ServedCall, args: never) => unknown

/**
 * Time limit of a function that edits a file, in ms: it runs in a transaction, and must not hold a
 * connection while its thread is blocked.
 */
const editMs = 1_000

/** The functions of a context that a thread can call. */
const operations: Readonly<Record<string, Operation>> = {
  'files.list': ({ context }, args: Parameters<ToolContext['files']['list']>) =>
    context.files.list(...args),
  'files.find': ({ context }, [path]: [string]) => context.files.find(path),
  async 'files.read'({ context }, [path]: [string]) {
    const { file, bytes } = await context.files.read(path)
    return { file, bytes: exact(bytes) }
  },
  'files.write': (call, [path, content]: [string, string | Buffer]) =>
    changing(call, () => call.context.files.write(path, asBuffer(content))),
  'files.edit': (call, [path, id]: [string, number]) => changing(call, () => edit(call, path, id)),
  'files.remove': (call, args: Parameters<ToolContext['files']['remove']>) =>
    changing(call, () => call.context.files.remove(...args)),
  'files.apply': (call, [changes]: [FileChange[]]) =>
    changing(call, () => call.context.files.apply(changes.map(withBuffer))),
  'files.grep': ({ context }, args: Parameters<ToolContext['files']['grep']>) =>
    context.files.grep(...args),
  'storage.set': ({ context }, [kind, name, text]: [Kind, string, string]) =>
    context.storage[kind].set(name, text),
  'storage.get': ({ context }, [kind, name]: [Kind, string]) => context.storage[kind].get(name),
  'storage.remove': ({ context }, [kind, name]: [Kind, string]) =>
    context.storage[kind].remove(name),
  'storage.list': ({ context }, [kind]: [Kind]) => context.storage[kind].list(),
  budgets: ({ context }) => context.budgets(),
  ask: ({ context }, args: Parameters<ToolContext['ask']>) => context.ask(...args),
  fetch: serveFetch,
}

type Kind = keyof ToolContext['storage']

/** Runs one function of a call's context. */
export function operate(call: ServedCall, name: string, args: unknown): unknown {
  const operation = Object.hasOwn(operations, name) ? operations[name] : undefined
  if (!operation) throw new Error(`Unknown function: ${name}.`)
  return operation(call, args as never)
}

async function changing<T>(call: ServedCall, change: () => Promise<T>): Promise<T> {
  const result = await change()
  call.hasChangedFiles = true
  return result
}

const withBuffer = (change: FileChange): FileChange =>
  change.kind === 'write' ? { ...change, bytes: asBuffer(change.bytes) } : change

const stalled = Symbol('stalled')

/** Edits a file by a function in the thread. Begins again when the thread was blocked meanwhile. */
async function edit({ call, channel, context }: ServedCall, path: string, id: number) {
  for (;;) {
    try {
      const change = async (bytes: Buffer | undefined) => {
        const given = channel.request<string | Buffer>('edit', { call, id, bytes: exact(bytes) })
        return asBuffer(await within(editMs, given))
      }
      return await (context.files.edit as unknown as LimitedEdit)(path, change, true)
    } catch (error) {
      if (error !== stalled) throw error
    }
    await channel.request('ping', undefined)
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const timer = new AbortController()
  const late = sleep(ms, undefined, { signal: timer.signal, ref: false }).then(() => {
    throw stalled
  })
  late.catch(() => {})
  try {
    return await Promise.race([work, late])
  } finally {
    timer.abort()
  }
}
