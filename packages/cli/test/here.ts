import { Readable, Writable } from 'node:stream'
import { run } from '../src/run.ts'
import type { Ended } from './program.ts'

export type Surroundings = {
  env?: Record<string, string>
  input?: string
  /** A terminal that is so wide; unset: a pipe. */
  columns?: number
  signal?: AbortSignal
}

/** Runs a command line in this process, which is quicker than the program; its streams are ours. */
export async function runHere(
  args: readonly string[],
  { env = {}, input = '', columns, signal = new AbortController().signal }: Surroundings = {},
): Promise<Ended> {
  const [stdout, stderr] = [sink(columns), sink(columns)]
  const io = {
    stdin: Readable.from([input]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: { HOME: '/nonexistent', ...env },
  }
  const code = await run(args, io, { signal })
  return { code, stdout: stdout.text(), stderr: stderr.text() }
}

function sink(columns: number | undefined) {
  let text = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk
      done()
    },
  })
  const terminal = columns === undefined ? {} : { isTTY: true, columns }
  return { stream: Object.assign(stream, terminal), text: () => text }
}
