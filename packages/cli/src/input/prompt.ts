import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import type { Context } from '../core/command.ts'
import { Interrupted, UsageError } from '../core/failure.ts'
import type { Io } from '../core/io.ts'
import { manyLines } from '../output/width.ts'

/** Whether a user can answer a question. */
export const canAsk = ({ stdin, stderr }: Io) => stdin.isTTY === true && stderr.isTTY === true

/** Possible answers, each with its words. */
export type Words = Record<string, readonly string[]>

/**
 * Maps a typed line to an answer.
 * Contract: the only place where a line becomes an answer. Other words and empty lines are none.
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
  if (!canAsk(io))
    throw new UsageError(`${question} Pass --yes: there is no terminal for a confirmation.`)
  const answer = await ask(io, `${question} [y/N] `)
  if (wordOf(answer, { yes: ['y', 'yes'] }) === 'yes') return true
  io.stderr.write('Nothing was changed.\n')
  return false
}

/**
 * Asks for a name before an irreversible action.
 * Contract: only the whole name confirms. Throws a UsageError without a terminal.
 */
export async function confirmedByName(
  io: Io,
  { question, name, isSure }: { question: string; name: string; isSure: boolean },
): Promise<boolean> {
  if (isSure) return true
  if (!canAsk(io))
    throw new UsageError(`${question} Pass --yes: there is no terminal for a confirmation.`)
  const answer = await ask(io, `${question} Type its name to confirm: `)
  if (answer === name.trim()) return true
  io.stderr.write('The name does not match. Nothing was changed.\n')
  return false
}

const bytesMax = 16 * 1024 * 1024

/** Reads stdin as text. Contract: throws a UsageError above 16 MiB. */
export async function readInput({ io, signal }: Pick<Context, 'io' | 'signal'>): Promise<string> {
  const { stdin } = io
  const parts: Buffer[] = []
  let size = 0
  signal.addEventListener('abort', () => stdin.destroy(), { once: true })
  for await (const part of stdin) {
    const bytes = Buffer.from(part)
    size += bytes.length
    if (size > bytesMax) throw new UsageError('stdin has more than 16 MiB.')
    parts.push(bytes)
  }
  return Buffer.concat(parts).toString()
}

/** Reads a secret from a prompt or stdin. Contract: throws a UsageError for an empty one. */
export async function readSecret(
  context: Pick<Context, 'io' | 'signal'>,
  name: string,
): Promise<string> {
  const secret = canAsk(context.io)
    ? await ask(context.io, `${name}: `, { isSecret: true })
    : (await readInput(context)).trim()
  if (secret === '') throw new UsageError(`The ${name} is empty.`)
  return secret
}
