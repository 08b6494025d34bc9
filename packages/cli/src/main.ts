import { exitCodes } from './core/failure.ts'
import type { Extra } from './core/help.ts'
import { run } from './core/run.ts'

/**
 * The process: its streams, its environment and its end. Ctrl-C ends what runs; a second one ends
 * the process at once. A reader that goes away, as `head` does, is no error; a disk that is full is
 * one.
 */
export async function main(args: readonly string[], extra: Extra = {}): Promise<void> {
  const { stdin, stdout, stderr } = process
  const interrupted = new AbortController()
  process.on('SIGINT', () => {
    if (interrupted.signal.aborted) process.exit(exitCodes.interrupted)
    interrupted.abort()
  })
  for (const stream of [stdout, stderr]) {
    stream.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      if (code === 'EPIPE') process.exit(exitCodes.ok)
      if (stream === stdout)
        stderr.write(`outlast: What was asked for cannot be written: ${message}\n`)
      process.exit(exitCodes.failed)
    })
  }
  const io = { stdin, stdout, stderr, env: process.env }
  process.exitCode = await run(args, io, { signal: interrupted.signal, extra })
  // What was interrupted may have left a connection, which nobody waits for.
  if (interrupted.signal.aborted) process.exit()
}
