import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { ModelRequest } from './chat-wire.ts'

/** One request to a model with its response. Contains no headers of the request. */
export type Exchange = {
  request: { path: string; body: unknown }
  /** Events of a stream, or one chunk. Joined they are the whole body. */
  response: { status: number; contentType: string; chunks: string[] }
}

type CassetteFile = { version: 1; target: string; exchanges: Exchange[] }

export function readCassette(file: string): Exchange[] | undefined {
  if (!existsSync(file)) return undefined
  const { version, exchanges } = JSON.parse(readFileSync(file, 'utf8')) as CassetteFile
  if (version !== 1) throw new Error(`${file} was recorded by a newer version of Outlast.`)
  return exchanges
}

/** Writes the recording, without the key wherever it appears. */
export function writeCassette(
  file: string,
  { target, exchanges, apiKey }: { target: string; exchanges: Exchange[]; apiKey?: string },
): void {
  const content: CassetteFile = { version: 1, target, exchanges: exchanges.filter(Boolean) }
  const text = `${JSON.stringify(content, undefined, 2)}\n`
  mkdirSync(path.dirname(file), { recursive: true })
  const temporary = `${file}.new-${process.pid}`
  writeFileSync(temporary, apiKey ? text.replaceAll(apiKey, '[API key]') : text)
  renameSync(temporary, file)
}

/**
 * Compares a request with a recorded one: the model, the names of tools, the roles of messages, the
 * texts of users and the names of calls. Prompts, arguments and results may differ, because they
 * can contain times and ids. Returns the first difference.
 */
export function differenceOf(asked: ModelRequest, recorded: ModelRequest): string | undefined {
  const compared = [shapeOf(asked), shapeOf(recorded)] as const
  const [shape, known] = compared
  for (let at = 0; at < Math.max(shape.length, known.length); at++) {
    if (shape[at] === known[at]) continue
    return `it has ${shape[at] ?? 'no more messages'}, and the recording has ${known[at] ?? 'no more messages'}`
  }
  return undefined
}

function shapeOf({ model, tools, messages }: ModelRequest): string[] {
  const names = tools.map(({ name }) => name).sort()
  return [
    `the model ${model}`,
    `the tools ${names.join(', ') || 'none'}`,
    ...messages.map(({ role, text, calls }, index) => {
      const about = role === 'user' ? `: ${JSON.stringify(text)}` : ''
      const called =
        calls.length > 0 ? ` with calls of ${calls.map(({ name }) => name).join(', ')}` : ''
      return `message ${index + 1} of ${role}${about}${called}`
    }),
  ]
}
