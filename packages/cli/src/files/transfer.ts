import type { Context } from '../core/command.ts'
import { exitCodes, sentencesOf } from '../core/failure.ts'
import { columnsOf } from '../core/io.ts'
import { whyOf } from '../input/input-file.ts'
import { cut, oneLine } from '../output/width.ts'

/** A file to transfer. `path`: its new path, for messages. */
export type Work = { path: string; run: (signal: AbortSignal) => Promise<'done' | 'same'> }

export type Failure = { path: string; error: string }
export type TransferResult = { done: string[]; same: string[]; failed: Failure[] }

const atOnce = 4

/** Describes an error. */
export const reasonOf = (error: unknown): string =>
  isOfFile(error) ? whyOf(error) : sentencesOf(error, '')[0]!

const isOfFile = (error: unknown): error is NodeJS.ErrnoException =>
  typeof (error as NodeJS.ErrnoException).syscall === 'string'

/**
 * Runs the work in parallel, with a progress bar on a terminal. A failure does not stop the rest.
 * Contract: rejects with the signal's reason on abort, after the running work has ended.
 */
export async function transfer(context: Context, works: readonly Work[]): Promise<TransferResult> {
  const { signal } = context
  const outcome: TransferResult = { done: [], same: [], failed: [] }
  const bar = barOf(context, works.length)
  const queue = works.values()
  async function worker(): Promise<void> {
    for (const work of queue) {
      signal.throwIfAborted()
      try {
        outcome[await work.run(signal)].push(work.path)
      } catch (error) {
        signal.throwIfAborted()
        outcome.failed.push({ path: work.path, error: reasonOf(error) })
      }
      bar.step(work.path)
    }
  }
  const workers = await Promise.allSettled(Array.from({ length: atOnce }, worker))
  bar.end()
  for (const one of workers) if (one.status === 'rejected') throw one.reason
  for (const list of [outcome.done, outcome.same]) list.sort()
  outcome.failed.sort((a, b) => (a.path < b.path ? -1 : 1))
  return outcome
}

const barWidth = 10

function barOf({ io: { stderr }, out }: Context, total: number) {
  const isShown = stderr.isTTY === true && out.mode === 'text' && out.colors.err
  let count = 0
  return {
    step(path: string) {
      count += 1
      if (!isShown) return
      const filled = Math.round((count / total) * barWidth)
      const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled)
      const text = cut(`${bar} ${count}/${total} ${oneLine(path)}`, columnsOf(stderr) - 1)
      stderr.write(`\r\x1b[K${text}`)
    },
    end() {
      if (isShown && count > 0) stderr.write('\r\x1b[K')
    },
  }
}

/** Prints the result. `verb`: the action on the files, as in `uploaded`. */
export async function report(
  { out, io }: Context,
  { done, same, failed }: TransferResult,
  verb: string,
): Promise<number> {
  if (out.mode === 'json') await out.json({ done, same, failed })
  else for (const path of done) await out.line(out.mode === 'quiet' ? path : oneLine(path))
  for (const { path, error } of failed) {
    io.stderr.write(`${oneLine(path)}: ${oneLine(error)}\n`)
  }
  const parts = [
    `${done.length} ${verb}`,
    same.length > 0 && `${same.length} unchanged`,
    failed.length > 0 && `${failed.length} failed`,
  ]
  out.note(`${parts.filter(Boolean).join(', ')}.`)
  return failed.length > 0 ? exitCodes.failed : exitCodes.ok
}
