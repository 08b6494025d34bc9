import type { Readable, Writable } from 'node:stream'

/** Streams and environment of a command. */
export type Io = {
  stdin: Readable & { isTTY?: boolean }
  stdout: Writable & { isTTY?: boolean; columns?: number; rows?: number }
  stderr: Writable & { isTTY?: boolean; columns?: number; rows?: number }
  env: Record<string, string | undefined>
  /** True once resources change: a reader that closes the pipe does not end the command. */
  mustFinish?: boolean
  /** True for a command with several results: each is one line of JSON. */
  hasManyResults?: boolean
}

const columnsDefault = 80

/** Columns of a line. Without a terminal there is no limit. */
export const columnsOf = ({ isTTY, columns }: Io['stdout']) =>
  isTTY ? columns || columnsDefault : Infinity

/** Whether colors may be used: on a terminal, except with NO_COLOR or a dumb terminal. */
export function hasColors({ env }: Io, stream: Io['stdout'], isRefused: boolean): boolean {
  if (isRefused || (env.NO_COLOR ?? '') !== '') return false
  if ((env.FORCE_COLOR ?? '') !== '') return env.FORCE_COLOR !== '0'
  return stream.isTTY === true && env.TERM !== 'dumb'
}
