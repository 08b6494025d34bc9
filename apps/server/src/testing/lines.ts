import type { Socket } from 'node:net'
import { StringDecoder } from 'node:string_decoder'

/** Calls `take` with each line of a stream of text. */
export function eachLine(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n')
    rest = lines.pop()!
    for (const line of lines) take(line)
  })
}

/** Resolves when a connection has closed, after an error too. */
export const closeOf = (socket: Socket) =>
  new Promise<void>((resolve) => socket.once('close', () => resolve()))

export const lineOf = (value: unknown) => `${JSON.stringify(value)}\n`
