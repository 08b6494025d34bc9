import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Starts a file of `bench/` as a process of its own. */
export const startChild = (file: string): ChildProcess =>
  fork(fileURLToPath(new URL(`../${file}`, import.meta.url)), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    serialization: 'advanced',
  })

/** Sends an order to such a process, and returns its answer. */
export async function ask<Order extends object, Answer>(
  child: ChildProcess,
  order: Order,
): Promise<Answer> {
  const answered = once(child, 'message') as Promise<[Answer]>
  child.send(order)
  return (await answered)[0]
}
