import { exitCodes } from './core/failure.ts'
import type { Io } from './core/io.ts'
import type { Extra } from './run/help.ts'
import { run } from './run/run.ts'

/**
 * Runs the process. Ctrl-C ends the command, a second Ctrl-C ends the process at once. A reader
 * that closes the pipe, as `head` does, is no error. A full disk is an error.
 */
export async function main(args: readonly string[], extra: Extra = {}): Promise<void> {
  const { stdin, stdout, stderr } = process
  const interrupted = new AbortController()
  process.on('SIGINT', () => {
    if (interrupted.signal.aborted) process.exit(exitCodes.interrupted)
    interrupted.abort()
  })
  const io: Io = { stdin, stdout, stderr, env: process.env }
  for (const stream of [stdout, stderr]) {
    stream.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      if (code === 'EPIPE' && io.mustFinish) return
      if (code === 'EPIPE') process.exit(exitCodes.ok)
      if (stream === stdout) stderr.write(`outlast: The output cannot be written: ${message}\n`)
      process.exit(exitCodes.failed)
    })
  }
  process.exitCode = await run(args, io, { signal: interrupted.signal, extra })
  // An interrupted command may leave an open connection.
  if (interrupted.signal.aborted) process.exit()
}
