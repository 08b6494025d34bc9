import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import type { Context } from '../core/command.ts'
import { Interrupted, UsageError } from '../core/failure.ts'
import type { Io } from '../core/io.ts'
import { manyLines } from '../output/width.ts'

/** Whether somebody can be asked. */
export const canAsk = ({ stdin, stderr }: Io) => stdin.isTTY === true && stderr.isTTY === true

/** What can be answered, and with which words. */
export type Words = Record<string, readonly string[]>

/**
 * Which answer a typed line is.
 * Contract: the only place where a line becomes an answer. A line that is none of the words, an
 * empty one above all, is no answer.
 */
export function wordOf<W extends Words>(line: string, words: W): keyof W | undefined {
  const typed = line.trim().toLowerCase()
  return Object.keys(words).find((answer) => words[answer]!.includes(typed))
}

/** Asks for a line, hidden if `isSecret`. Contract: throws Interrupted on Ctrl-C or at the end. */
export function ask(
  { stdin, stderr }: Io,
  text: string,
  { isSecret = false }: { isSecret?: boolean } = {},
): Promise<string> {
  const question = manyLines(text)
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const output = isSecret ? nowhere : stderr
  const lines = createInterface({ input: stdin, output, terminal: true, prompt: question })
  return new Promise((resolve, reject) => {
    let answer: string | undefined
    lines.once('line', (line) => {
      // At the end of the input readline passes on a line without Enter.
      if (!stdin.readableEnded) answer = line
      lines.close()
    })
    lines.once('SIGINT', () => lines.close())
    lines.once('close', () => {
      if (isSecret || answer === undefined) stderr.write('\n')
      if (answer === undefined) reject(new Interrupted())
      else resolve(answer.trim())
    })
    if (isSecret) stderr.write(question)
    else lines.prompt()
  })
}

/** Asks before an irreversible action. Contract: throws a UsageError without a terminal. */
export async function confirmed(io: Io, question: string, isSure: boolean): Promise<boolean> {
  if (isSure) return true
  if (!canAsk(io)) throw new UsageError(`${question} Say --yes: nobody can be asked here.`)
  const answer = await ask(io, `${question} [y/N] `)
  if (wordOf(answer, { yes: ['y', 'yes'] }) === 'yes') return true
  io.stderr.write('Nothing was done.\n')
  return false
}

/**
 * Asks for a name before something that cannot be undone. Contract: only the whole name confirms;
 * throws a UsageError where nobody can be asked.
 */
export async function confirmedByName(
  io: Io,
  { question, name, isSure }: { question: string; name: string; isSure: boolean },
): Promise<boolean> {
  if (isSure) return true
  if (!canAsk(io)) throw new UsageError(`${question} Say --yes: nobody can be asked here.`)
  const answer = await ask(io, `${question} Type its name to confirm: `)
  if (answer === name.trim()) return true
  io.stderr.write('The name does not match. Nothing was done.\n')
  return false
}

const bytesMax = 16 * 1024 * 1024

/** All of stdin as text. Contract: throws a UsageError when there is more than 16 MiB. */
export async function readInput({ io, signal }: Pick<Context, 'io' | 'signal'>): Promise<string> {
  const { stdin } = io
  const parts: Buffer[] = []
  let size = 0
  signal.addEventListener('abort', () => stdin.destroy(), { once: true })
  for await (const part of stdin) {
    const bytes = Buffer.from(part)
    size += bytes.length
    if (size > bytesMax) throw new UsageError('There is more than 16 MiB on stdin.')
    parts.push(bytes)
  }
  return Buffer.concat(parts).toString()
}

/** A secret from a prompt, else all of stdin. Contract: throws a UsageError when it is empty. */
export async function readSecret(
  context: Pick<Context, 'io' | 'signal'>,
  what: string,
): Promise<string> {
  const secret = canAsk(context.io)
    ? await ask(context.io, `${what}: `, { isSecret: true })
    : (await readInput(context)).trim()
  if (secret === '') throw new UsageError(`There was no ${what} on stdin.`)
  return secret
}
