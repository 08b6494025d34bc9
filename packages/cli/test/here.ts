import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { run } from '../src/run/run.ts'
import type { Ended } from './program.ts'

/** Keys that the user types when a question ends with this text. */
export type Answers = readonly (readonly [question: string, typed: string])[]

type Terminal = PassThrough & { isTTY?: boolean; columns?: number }

export type Here = {
  columns?: number
  env?: Record<string, string>
  input?: string
  answers?: Answers
  signal?: AbortSignal
}

/**
 * Runs a command line in this process to its end, without the start time of a process. With
 * `columns` it runs at a terminal, where `answers` are typed. Otherwise it runs between pipes, and
 * `input` is the content of stdin.
 */
export async function runHere(args: readonly string[], options: Here = {}): Promise<Ended> {
  const { columns, env = {}, input = '', answers = [] } = options
  const { signal = new AbortController().signal } = options
  const stdin: Terminal = new PassThrough()
  const stdout: Terminal = new PassThrough()
  const stderr: Terminal = new PassThrough()
  if (columns !== undefined) {
    for (const stream of [stdin, stdout, stderr]) stream.isTTY = true
    stdout.columns = columns
    stderr.columns = columns
  } else stdin.end(input)
  const said = Promise.all([buffer(stdout), buffer(stderr)])
  const left = [...answers]
  let shown = ''
  stderr.on('data', (data) => {
    shown += data
    const next = left[0]
    if (!next || !plain(shown).trimEnd().endsWith(next[0])) return
    left.shift()
    stdin.write(next[1])
  })
  const code = await run(
    args,
    { stdin, stdout, stderr, env: { HOME: '/nonexistent', ...env } },
    { signal },
  )
  stdout.end()
  stderr.end()
  const [out, err] = await said
  return { code, stdout: out.toString(), stderr: err.toString() }
}

/** The output of a command line that succeeds, without spaces around it. */
export async function printedBy(ended: Promise<Ended>): Promise<string> {
  const { code, stdout, stderr } = await ended
  assert.equal(code, 0, stderr)
  return stdout.trim()
}

/** Visible text on a terminal. */
const plain = (text: string) => text.replace(/\x1b\[[\d;?]*[A-Za-z]/g, '')
