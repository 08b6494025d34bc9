import { Readable, Writable } from 'node:stream'
import { run } from '../src/run.ts'
import type { Ended } from './program.ts'

/** The program in this process, between pipes: as `outlast`, without the time that a process takes to start. */
export async function piped(args: readonly string[], input = ''): Promise<Ended> {
  const said: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] }
  const into = (parts: Buffer[]) =>
    new Writable({
      write(chunk, _encoding, done) {
        parts.push(chunk)
        done()
      },
    })
  const io = {
    stdin: Readable.from([Buffer.from(input)]),
    stdout: into(said.stdout),
    stderr: into(said.stderr),
    env: { HOME: '/nonexistent' },
  }
  const code = await run(args, io, { signal: new AbortController().signal })
  const text = (parts: Buffer[]) => Buffer.concat(parts).toString('utf8')
  return { code, stdout: text(said.stdout), stderr: text(said.stderr) }
}
