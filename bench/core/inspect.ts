import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './servers.ts'

/** Inspects a Node process that was started with `nodeArgs`. */
export type Inspector = {
  nodeArgs: string[]
  /** Collects garbage, and returns the size of the heap and external buffers, in MB. */
  heapMb: () => Promise<number>
  /** Evaluates an expression in that process. */
  evaluate: <T>(expression: string) => Promise<T>
}

export async function createInspector(): Promise<Inspector> {
  const port = await freePort()
  const connected = async <T>(work: (socket: WebSocket) => Promise<T>): Promise<T> => {
    const list = await fetch(`http://127.0.0.1:${port}/json/list`)
    const [target] = (await list.json()) as { webSocketDebuggerUrl: string }[]
    const socket = new WebSocket(target!.webSocketDebuggerUrl)
    await once(socket, 'open')
    try {
      return await work(socket)
    } finally {
      socket.close()
    }
  }
  return {
    nodeArgs: [`--inspect=127.0.0.1:${port}`, '--inspect-publish-uid=http'],
    heapMb: () =>
      connected(async (socket) => {
        // Objects that the first collection frees may hold others.
        for (let n = 0; n < 2; n++) await ask(socket, 'HeapProfiler.collectGarbage')
        const { usedSize, backingStorageSize = 0 } = await ask<Usage>(
          socket,
          'Runtime.getHeapUsage',
        )
        return (usedSize + backingStorageSize) / 1024 / 1024
      }),
    evaluate: <T>(expression: string) =>
      connected(async (socket) => {
        const params = { expression, returnByValue: true }
        const { result } = await ask<{ result: { value: T } }>(socket, 'Runtime.evaluate', params)
        return result.value
      }),
  }
}

type Usage = { usedSize: number; backingStorageSize?: number }

let lastId = 0

function ask<T>(socket: WebSocket, method: string, params: object = {}): Promise<T> {
  lastId += 1
  const id = lastId
  return new Promise((resolve, reject) => {
    const hear = ({ data }: MessageEvent) => {
      const answer = JSON.parse(String(data)) as { id?: number; result: T; error?: object }
      if (answer.id !== id) return
      socket.removeEventListener('message', hear)
      if (answer.error) reject(new Error(`${method}: ${JSON.stringify(answer.error)}`))
      else resolve(answer.result)
    }
    socket.addEventListener('message', hear)
    socket.send(JSON.stringify({ id, method, params }))
  })
}

/** Returns the longest delay of the server's loop during `work`. */
export async function longestDelay(
  inspector: Inspector,
  work: () => Promise<unknown>,
): Promise<number> {
  const start = `globalThis.delays = process.getBuiltinModule('node:perf_hooks')
    .monitorEventLoopDelay({ resolution: 1 }); delays.enable()`
  await inspector.evaluate(start)
  await sleep(100)
  await inspector.evaluate('delays.reset()')
  await work()
  return (await inspector.evaluate<number>('delays.disable(), delays.max')) / 1e6
}

/**
 * Returns the most processor time of the server's thread between two samples during `work`, in ms.
 */
export async function longestTask(
  inspector: Inspector,
  work: () => Promise<unknown>,
): Promise<number> {
  await inspector.evaluate(`{ globalThis.tasks = { max: 0, isOver: false }
    let last = process.threadCpuUsage()
    ;(function look() {
      const { user, system } = process.threadCpuUsage(last)
      last = process.threadCpuUsage()
      tasks.max = Math.max(tasks.max, (user + system) / 1e3)
      if (!tasks.isOver) setImmediate(look)
    })() }`)
  await work()
  return inspector.evaluate<number>('tasks.isOver = true, tasks.max')
}
