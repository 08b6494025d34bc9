import { PassThrough } from 'node:stream'
import { run } from '../src/run.ts'
import type { Ended } from './program.ts'

/** What somebody at the terminal types when a question ends with this text. */
export type Answers = readonly (readonly [question: string, typed: string])[]

type Terminal = PassThrough & { isTTY?: boolean; columns?: number }

/**
 * Runs a command line in this process, as at a terminal of so many columns; `answers` are typed when they are asked for.
 * Without `columns` there is no terminal, and `input` is what stdin brings.
 */
export async function atTerminal(
  args: readonly string[],
  options: { columns?: number; env?: Record<string, string>; input?: string; answers?: Answers },
): Promise<Ended> {
  const { columns, env = {}, input, answers = [] } = options
  const stdin: Terminal = new PassThrough()
  const stdout: Terminal = new PassThrough()
  const stderr: Terminal = new PassThrough()
  if (columns !== undefined) {
    for (const stream of [stdin, stdout, stderr]) stream.isTTY = true
    stdout.columns = columns
    stderr.columns = columns
  } else stdin.end(input ?? '')
  const said = { stdout: '', stderr: '' }
  const left = [...answers]
  stdout.on('data', (data) => {
    said.stdout += data
  })
  stderr.on('data', (data) => {
    said.stderr += data
    const next = left[0]
    if (!next || !plain(said.stderr).trimEnd().endsWith(next[0])) return
    left.shift()
    stdin.write(`${next[1]}`)
  })
  const io = { stdin, stdout, stderr, env: { HOME: '/nonexistent', ...env } }
  const code = await run(args, io, { signal: new AbortController().signal })
  return { code, ...said }
}

/** What is read of a text on a terminal. */
const plain = (text: string) => text.replace(/\x1b\[[\d;?]*[A-Za-z]/g, '')
